import type { Dialect } from './dialect.ts'
import { storedTopics, topicPatterns } from './index-name.ts'
import { mapping, templateVersion, type TextType } from './mapping.ts'

export interface Template {
  readonly kind: 'component_template' | 'index_template'
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * The component template with the mapping, and one index template a topic, which brings its alias. Settings of one's own
 * go into a component template `<prefix>@custom`: it is never touched. `hasCustom`: it is there, for servers that must
 * not be told of one that is not.
 */
export function templates(prefix: string, text: TextType, dialect: Dialect, hasCustom = false): Template[] {
  const shared = `${prefix}-mappings`
  const custom = `${prefix}@custom`
  const about = { version: templateVersion, _meta: { managed_by: 'thump' } }
  const settings = dialect.settings({
    'index.auto_expand_replicas': '0-1',
    'index.codec': 'best_compression',
    // Each refresh begins segments that are merged again later; five times as many a second are dear under load.
    'index.refresh_interval': '5s',
    // A field too many is kept and not indexed; the event is stored in any case.
    'index.mapping.total_fields.ignore_dynamic_beyond_limit': true,
  })
  const component: Template = {
    kind: 'component_template',
    name: shared,
    body: { ...about, template: { settings, mappings: mapping(text, dialect) } },
  }
  const indices = Object.values(storedTopics).map(
    (slug): Template => ({
      kind: 'index_template',
      name: `${prefix}-${slug}`,
      body: {
        ...about,
        priority: 500,
        index_patterns: topicPatterns(prefix, slug),
        ...(dialect.hasOptionalComponents
          ? { composed_of: [shared, custom], ignore_missing_component_templates: [custom] }
          : { composed_of: hasCustom ? [shared, custom] : [shared] }),
        template: { aliases: { [`${prefix}-${slug}`]: {} } },
      },
    }),
  )
  return [component, ...indices]
}
