import { runRuleTests } from '../../../alerting/engine/rule-tests.ts'
import { parseRuleFile } from '../../../alerting/rules/parse-file.ts'
import type { Rule } from '../../../alerting/rules/rule.ts'
import { formatProblem } from '../../../runtime/errors.ts'

const words: Readonly<Record<string, readonly string[]>> = { 'words.txt': ['해지', '카드론', 'unsubscribe'] }

/** Parses a rule file as text; `keywordsFile: words.txt` holds a few words. */
export function parse(text: string) {
  return parseRuleFile('rules.yaml', text, {
    allowedLatenessMs: 30_000,
    timezone: 'UTC',
    keywords: (file) => words[file],
  })
}

/** The rules of a file without errors. */
export function rulesOf(text: string): readonly Rule[] {
  const { rules, problems } = parse(text)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(formatProblem).join('\n'))
  return rules
}

/** What the tests beside the rules came to: `rule / test: failure`, empty where all passed. */
export function failuresOf(text: string): string[] {
  const rules = rulesOf(text)
  const results = rules.flatMap((rule) => runRuleTests(rule, rules))
  if (results.length === 0) throw new Error('no rule of the file has a test')
  return results.flatMap(({ rule, name, failures }) => failures.map((failure) => `${rule.id} / ${name}: ${failure}`))
}
