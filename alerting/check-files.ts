import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import type { Problem } from '../runtime/errors.ts'
import { readRuleFiles } from './rule-files.ts'
import type { SourceName } from './rules/known-fields.ts'
import { checkTogether, sourcesNeeded } from './rules/lint.ts'
import type { Rule } from './rules/rule.ts'

/** Every problem of the rule files, in the order of the files: of each alone, of all together, and with what is `off`. */
export function checkRuleFiles(
  alerting: Pick<AlertingConfig, 'rules' | 'overrides' | 'allowedLateness'>,
  timezone?: string,
  paths?: readonly string[],
  off: readonly SourceName[] = [],
): Problem[] {
  const { files, problems } = readRuleFiles(alerting, timezone, paths)
  const rules = files.flatMap(({ parsed }) => parsed.rules)
  const together = [...checkTogether(rules), ...rules.flatMap((rule) => needsWhatIsOff(rule, off))].map(
    ({ rule, code, message, severity }): Problem => ({ ...rule.place, path: code, message, severity }),
  )
  const ofFiles = files.flatMap(({ path, parsed }) =>
    [...parsed.problems, ...together.filter(({ file }) => file === path)].toSorted(
      (a, b) => a.line - b.line || a.column - b.column,
    ),
  )
  return [...problems, ...ofFiles]
}

function needsWhatIsOff(rule: Rule, off: readonly SourceName[]) {
  if (rule.stage === 'off') return []
  const needed = sourcesNeeded(rule)
  return off
    .filter((source) => needed.has(source))
    .map((source) => ({
      rule,
      code: 'source',
      message: `needs the ${source}, which is disabled`,
      severity: 'warning' as const,
    }))
}
