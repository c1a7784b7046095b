import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import { parseRuleFile } from './rules/parse-file.ts'
import type { Rule } from './rules/rule.ts'

export const maintenanceRule = 'thump-maintenance'

/** The alerter's own: a rule file that is not taken is an alert like any other. */
const text = `
rules:
- id: thump-rules-rejected
  topic: THUMP
  type: match
  where: {event.action: rules.rejected}
  resolveWhen: {event.action: rules.accepted}
  groupBy: thump.rules.file
  severity: high
  summary: "rule file {{thump.rules.file}} has errors; its last good version runs: {{thump.rules.problem}}"
`

/** What a drained node's log lines and figures say is the consequence of a deed, not news. */
const maintenance = `
rules:
- id: ${maintenanceRule}
  topic: APP
  type: match
  where: {event.code: maintenance-started}
  resolveWhen: {event.code: [maintenance-ended, node-starting]}
  groupBy: service.node.name
  severity: info
  summary: "{{service.node.name}} is put into maintenance; alerts about this node wait until it is back"
  inhibits: {rules: ["*"], equal: [service.node.name]}
`

const parsed = new Map<string, readonly Rule[]>()

function rulesOf(source: string): readonly Rule[] {
  const known = parsed.get(source)
  if (known) return known
  const options = { allowedLatenessMs: 30_000, timezone: 'UTC', keywords: () => undefined }
  const { rules } = parseRuleFile('built-in', source, options)
  parsed.set(source, rules)
  return rules
}

/** Rules that are always there; the one of maintenance unless `alerting.maintenance.suppress` is false. */
export function builtInRules({ maintenance: { suppress } }: Pick<AlertingConfig, 'maintenance'>): readonly Rule[] {
  return [...rulesOf(text), ...(suppress ? rulesOf(maintenance) : [])]
}
