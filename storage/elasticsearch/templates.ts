import { storedTopics } from './index-name.ts'
import { mapping, templateVersion } from './mapping.ts'

export interface Put {
  readonly path: string
  readonly body: Record<string, unknown>
}

/** The component template with the mapping, and one index template a topic, which brings its alias. */
export function templates(prefix: string, text: 'match_only_text' | 'text'): Put[] {
  const meta = { managed_by: 'thump' }
  const shared = `${prefix}-mappings`
  const component: Put = {
    path: `/_component_template/${shared}`,
    body: {
      version: templateVersion,
      _meta: meta,
      template: {
        settings: { 'index.auto_expand_replicas': '0-1', 'index.mapping.total_fields.limit': 2000 },
        mappings: mapping(text),
      },
    },
  }
  const indices = Object.values(storedTopics).map(
    (slug): Put => ({
      path: `/_index_template/${prefix}-${slug}`,
      body: {
        version: templateVersion,
        _meta: meta,
        priority: 500,
        index_patterns: [`${prefix}-${slug}-*`],
        composed_of: [shared],
        template: { aliases: { [`${prefix}-${slug}`]: {} } },
      },
    }),
  )
  return [component, ...indices]
}
