import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkRuleFiles } from '../../../alerting/check-files.ts'
import { openRuleBook } from '../../../alerting/rule-book.ts'
import { type Config, configSchema } from '../../../runtime/config/schema.ts'
import { formatProblem } from '../../../runtime/errors.ts'

const rule = (id: string, rest = '') =>
  `- {id: ${id}, topic: AMQP, type: match, where: {amqp.operation: queue.delete}${rest}}\n`

function folder() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-rules-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'rules'))
  const overrides = join(dir, 'overrides.yaml')
  const config = (more: { agent?: object; alerting?: object } = {}): Config =>
    configSchema.parse({
      dataDir: dir,
      agent: more.agent ?? {},
      alerting: { rules: [join(dir, 'rules/*.yaml')], ...more.alerting },
    })
  return {
    overrides,
    config,
    write: (name: string, text: string | Uint8Array) => writeFileSync(join(dir, 'rules', name), text),
    override: (text: string) => writeFileSync(overrides, text),
    check: (more?: Parameters<typeof config>[0]) =>
      checkRuleFiles(config(more)).map((problem) => formatProblem(problem).replaceAll(`${dir}/`, '')),
  }
}

describe('lint beside the configuration', () => {
  test.each([
    ['{rabbitmq.unroutable: true}', {}, 'needs the firehose, which is disabled (agent.firehose.enabled)'],
    ['{amqp.operation: basic.publish}', {}, 'needs the firehose, which is disabled (agent.firehose.enabled)'],
    [
      '{amqp.operation: queue.delete}',
      { logs: [{ paths: ['/x'] }] },
      'needs the event exchange, which is disabled (agent.events.enabled)',
    ],
    [
      '{amqp.operation: queue.purge}',
      { amqp: { url: 'amqp://x' } },
      'needs log files, which are disabled (agent.logs)',
    ],
  ])('%s', (where, agent, message) => {
    const { write, check } = folder()
    write('r.yaml', `rules:\n- {id: r, topic: AMQP, type: match, where: ${where}}\n`)
    expect(check({ agent })).toEqual([`rules/r.yaml:2:4 source: ${message}`])
  })

  test('depth of queues needs resources of queues', () => {
    const { write, check } = folder()
    write(
      'r.yaml',
      'rules:\n- {id: r, topic: METRIC, type: metric, metric: {field: rabbitmq.queue_stats.messages_ready, gt: 1, within: 5m}}\n',
    )
    const agent = { amqp: { url: 'amqp://x' }, resources: { queues: 'off' } }
    expect(check({ agent })).toEqual([
      'rules/r.yaml:2:4 source: needs resources of queues, which are disabled (agent.resources.queues)',
    ])
    expect(check()).toEqual([])
  })

  test('what an agent elsewhere reads is not known, and a rule that is off needs nothing', () => {
    const { write, check } = folder()
    write(
      'r.yaml',
      `rules:\n${rule('a')}- {id: r, topic: AMQP, type: match, stage: off, where: {rabbitmq.unroutable: true}}\n`,
    )
    expect(check()).toEqual([])
  })

  test('a channel that is not configured is an error', () => {
    const { write, check } = folder()
    write('r.yaml', `rules:\n${rule('a', ', notify: [mq-slak]')}`)
    const channels = { 'mq-slack': { type: 'command', command: ['true'] } }
    expect(check({ alerting: { channels } })).toEqual([
      'rules/r.yaml:2:4 channel: channel "mq-slak" is not in alerting.channels; did you mean "mq-slack"?',
    ])
    expect(check()).toEqual([])
  })

  test('bytes that are no UTF-8, and CRLF with a byte order mark', () => {
    const { write, check } = folder()
    write('a.yaml', Buffer.from([0x72, 0xff, 0xfe]))
    write('b.yaml', `\uFEFFrules:\r\n${rule('b').replaceAll('\n', '\r\n')}`)
    expect(check()).toEqual(['rules/a.yaml file: the file is not UTF-8 text'])
  })

  test('a folder where a file is meant, and an overrides file that is not there', () => {
    const { overrides, config, check } = folder()
    const problems = checkRuleFiles(config(), [join(overrides, '..')]).map(({ message }) => message)
    expect(problems).toEqual(['this is a folder: name its files, as FOLDER/*.yaml'])
    expect(check({ alerting: { overrides } })).toEqual(['overrides.yaml alerting.overrides: no such file'])
  })

  test('a composite of a rule that has an error itself is not told that there is none', () => {
    const { write, check } = folder()
    write(
      'r.yaml',
      'rules:\n- {id: both, type: composite, needs: {allOf: [a, b]}}\n- {id: a, topic: AMQP, type: mtach}\n',
    )
    expect(check()).toEqual([
      'rules/r.yaml:2:4 needs: no rule "b"',
      'rules/r.yaml:3:24 type: unknown type "mtach"; did you mean "match"?',
    ])
  })

  test('an override of a rule that is not there is told', () => {
    const { write, override, overrides, check } = folder()
    write('r.yaml', `rules:\n${rule('memory-high')}`)
    override('# tuned\nmemory-hihg: {severity: critical}\n')
    expect(check({ alerting: { overrides } })).toEqual([
      'overrides.yaml:2:1 override: no rule "memory-hihg"; did you mean "memory-high"?',
    ])
  })
})

describe('a bad overrides file', () => {
  const opened = () => {
    const made = folder()
    made.write('r.yaml', `rules:\n${rule('a')}${rule('b')}`)
    made.override('a: {stage: off}\n')
    const config = made.config({ alerting: { overrides: made.overrides } })
    return { ...made, settings: config, book: openRuleBook(config) }
  }
  const stages = (book: ReturnType<typeof openRuleBook>) =>
    Object.fromEntries(book.rules().map(({ id, stage }) => [id, stage]))

  test.each([
    ['that is no YAML', 'a: {stage: off'],
    ['with a value that is none', 'a: {stage: of}\n'],
    ['that does not fit its rule', 'a: {stage: off, count: {gte: 1}}\n'],
    ['with a bad condition', 'a: {where: {user.name: []}}\n'],
  ])('%s keeps its last good version: no rule goes live or away', (_, text) => {
    const { override, overrides, book, settings } = opened()
    override(text)
    expect(book.hasChanged()).toBe(true)
    book.reload()
    expect(stages(book)).toMatchObject({ a: 'off', b: 'live' })
    const told = book.files().find(({ path }) => path === overrides)
    expect(told).toMatchObject({ isStale: true, text: 'a: {stage: off}\n' })
    expect(told?.problems.map(({ file }) => file)).toContain(overrides)
    expect(book.files().filter(({ isStale }) => isStale)).toHaveLength(1)
    // A restart during the bad deployment runs on it as well.
    expect(stages(openRuleBook(settings))).toMatchObject({ a: 'off', b: 'live' })
    override('a: {stage: shadow}\n')
    book.reload()
    expect(stages(book)).toMatchObject({ a: 'shadow' })
    expect(book.files().some(({ isStale }) => isStale)).toBe(false)
  })

  test('is an error at the first start', () => {
    const { write, override, overrides, config } = folder()
    write('r.yaml', `rules:\n${rule('a')}`)
    override('a: {count: {gte: 1}}\n')
    expect(() => openRuleBook(config({ alerting: { overrides } }))).toThrow(/overrides.yaml:1:5 unknown-key/)
  })
})
