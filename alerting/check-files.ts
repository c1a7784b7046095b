import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import type { Problem } from '../runtime/errors.ts'
import { readRuleFiles } from './rule-files.ts'
import { checkTogether } from './rules/lint.ts'

/** Every problem of the rule files, in the order of the files: of each alone, and of all together. */
export function checkRuleFiles(
  alerting: Pick<AlertingConfig, 'rules' | 'overrides' | 'allowedLateness'>,
  timezone?: string,
  paths?: readonly string[],
): Problem[] {
  const { files, problems } = readRuleFiles(alerting, timezone, paths)
  const together = checkTogether(files.flatMap(({ parsed }) => parsed.rules)).map(
    ({ rule, code, message, severity }): Problem => ({ ...rule.place, path: code, message, severity }),
  )
  const ofFiles = files.flatMap(({ path, parsed }) =>
    [...parsed.problems, ...together.filter(({ file }) => file === path)].toSorted(
      (a, b) => a.line - b.line || a.column - b.column,
    ),
  )
  return [...problems, ...ofFiles]
}
