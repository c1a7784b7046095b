import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runRuleTests } from '../../../alerting/engine/rule-tests.ts'
import { checkTogether } from '../../../alerting/rules/lint.ts'
import { parseOverrides, parseRuleFile } from '../../../alerting/rules/parse-file.ts'
import { formatProblem } from '../../../runtime/errors.ts'

const docs = join(import.meta.dirname, '../../../docs')
const blocks = ['rules.md', 'rule-pack.md'].flatMap((file) =>
  [...readFileSync(join(docs, file), 'utf8').matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => ({ file, text })),
)
const context = { allowedLatenessMs: 30_000, timezone: 'UTC', keywords: () => ['word'] }

test.each(blocks.filter(({ text }) => text.includes('rules:')))('the rules of $file are rules', ({ file, text }) => {
  const { rules, problems } = parseRuleFile(file, text, context)
  expect(problems.map(formatProblem)).toEqual([])
  expect(checkTogether(rules).map(({ message }) => message)).toEqual([])
  expect(rules.flatMap((rule) => runRuleTests(rule, rules)).flatMap(({ failures }) => failures)).toEqual([])
})

test.each(blocks.filter(({ text }) => !text.includes('rules:')))(
  'the overrides of $file are overrides',
  ({ file, text }) => {
    expect(parseOverrides(file, text).problems.map(formatProblem)).toEqual([])
  },
)
