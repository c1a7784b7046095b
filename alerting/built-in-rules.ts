import { parseRuleFile } from './rules/parse-file.ts'
import type { Rule } from './rules/rule.ts'

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

let parsed: readonly Rule[] | undefined

/** Rules that are always there. */
export function builtInRules(): readonly Rule[] {
  parsed ??= parseRuleFile('built-in', text, {
    allowedLatenessMs: 30_000,
    timezone: 'UTC',
    keywords: () => undefined,
  }).rules
  return parsed
}
