import { Liquid } from 'liquidjs'
import { type FieldPath, fieldValues } from './field.ts'
import { cutText } from './text.ts'

/** A rule's text with `{{fields}}`. */
export interface Template {
  readonly source: string
  /** The event's fields it names, for lint. */
  readonly fields: readonly FieldPath[]
  render(event: unknown, extra: Readonly<Record<string, unknown>>): string
}

const shownCodePoints = 256
const liquid = new Liquid({
  ownPropertyOnly: true,
  // A missing field prints a dash; a long one is cut: what comes from the broker is not to be trusted with length either.
  outputEscape: (value: unknown) =>
    value === undefined || value === null || value === '' ? '-' : cutText(asText(value), shownCodePoints),
  parseLimit: 20_000,
  renderLimit: 100,
  memoryLimit: 1_000_000,
  // No file is ever read from a template.
  templates: {},
})

/** Names that are not the event's: an alert's own. */
const alertNames = new Set(['key', 'count', 'rule', 'severity', 'owner', 'value', 'previous', 'firstSeen', 'lastSeen'])

/** Throws the template engine's own error where the text is no template. */
export function compileTemplate(source: string): Template {
  // Most summaries without a field of their own are plain text.
  if (!/\{[{%]/.test(source)) return { source, fields: [], render: () => source }
  const parsed = liquid.parse(source)
  const fields = liquid
    .globalVariableSegmentsSync(parsed)
    .map((segments) => segments.filter((segment) => typeof segment === 'string'))
    .filter((path) => path.length > 0 && !alertNames.has(path[0] as string))
  return {
    source,
    fields,
    render(event, extra) {
      const scope: Record<string, unknown> = Object.create(null) as Record<string, unknown>
      for (const path of fields) place(scope, path, fieldValues(event, path))
      try {
        return String(liquid.renderSync(parsed, { ...scope, ...extra }))
      } catch {
        // A limit was met while rendering: the alert matters more than its words.
        return source
      }
    },
  }
}

function place(scope: Record<string, unknown>, path: FieldPath, values: readonly unknown[]): void {
  if (values.length === 0) return
  let node = scope
  for (const step of path.slice(0, -1)) {
    const next = node[step]
    if (typeof next === 'object' && next !== null) node = next as Record<string, unknown>
    else {
      const made: Record<string, unknown> = {}
      node[step] = made
      node = made
    }
  }
  node[path.at(-1) as string] = values.length === 1 ? values[0] : values.map(asText).join(', ')
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
