import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkRuleFiles } from '../../../alerting/check-files.ts'
import { runRuleTests } from '../../../alerting/engine/rule-tests.ts'
import { readRuleFiles } from '../../../alerting/rule-files.ts'
import { formatProblem } from '../../../runtime/errors.ts'

const pack = [join(import.meta.dirname, '../../../deploy/rules/*.yaml')]
const settings = { rules: pack, allowedLateness: 30_000 }

test('the rules that are shipped have no problem, a test each that passes, and say when they are wrong', () => {
  expect(checkRuleFiles(settings, 'UTC').map(formatProblem)).toEqual([])
  const rules = readRuleFiles(settings, 'UTC').files.flatMap(({ parsed }) => parsed.rules)
  expect(rules.length).toBeGreaterThan(10)
  const failed = rules.flatMap((rule) => runRuleTests(rule, rules)).filter(({ failures }) => failures.length > 0)
  expect(failed.map(({ rule, name, failures }) => [rule.id, name, ...failures])).toEqual([])
  expect(rules.filter(({ tests, runbook }) => tests.length === 0 || runbook === undefined).map(({ id }) => id)).toEqual(
    [],
  )
})

test('a rule that needs a source that is off is told so', () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-rules-'))
  const file = join(dir, 'r.yaml')
  writeFileSync(file, 'rules:\n- {id: r, topic: AMQP, type: match, where: {rabbitmq.unroutable: true}}\n')
  const problems = checkRuleFiles({ ...settings, rules: [file] }, 'UTC', undefined, ['firehose'])
  rmSync(dir, { recursive: true })
  expect(problems.map(({ message }) => message)).toEqual(['needs the firehose, which is disabled'])
})
