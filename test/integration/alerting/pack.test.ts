import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeEvent } from '../../../agent/sources/resources/node-event.ts'
import { certificateEvent, clusterEvent, queueEvent } from '../../../agent/sources/resources/sampled-event.ts'
import { entries } from '../../../agent/parse/catalogue/entries.ts'
import { recognise } from '../../../agent/parse/catalogue/recognise.ts'
import { checkRuleFiles } from '../../../alerting/check-files.ts'
import { runRuleTests } from '../../../alerting/engine/rule-tests.ts'
import { readRuleFiles } from '../../../alerting/rule-files.ts'
import { producersOf } from '../../../alerting/rules/known-fields.ts'
import { testsOf } from '../../../alerting/rules/condition.ts'
import { configSchema } from '../../../runtime/config/schema.ts'
import { formatProblem } from '../../../runtime/errors.ts'

const root = join(import.meta.dirname, '../../..')
const config = configSchema.parse({
  agent: { firehose: { enabled: true } },
  alerting: { rules: [join(root, 'deploy/rules/*.yaml')] },
})
const rules = readRuleFiles(config.alerting, 'UTC').files.flatMap(({ parsed }) => parsed.rules)

describe('the rules that are shipped', () => {
  test('have no problem', () => {
    expect(checkRuleFiles(config).map(formatProblem)).toEqual([])
  })

  test('pass their own tests, and each has one', () => {
    const failed = rules.flatMap((rule) => runRuleTests(rule, rules)).filter(({ failures }) => failures.length > 0)
    expect(failed.map(({ rule, name, failures }) => [rule.id, name, ...failures])).toEqual([])
    expect(rules.filter(({ tests }) => tests.length === 0).map(({ id }) => id)).toEqual([])
  })

  test('say what to do, and when they are wrong', () => {
    const text = readRuleFiles(config.alerting, 'UTC').files.map((file) => file.text ?? '')
    const said = text.join('\n').match(/^ {2}falsePositives: /gm)?.length
    expect(said).toBe(rules.length)
    expect(rules.filter(({ runbook }) => runbook === undefined).map(({ id }) => id)).toEqual([])
  })

  test('are all in the guide to the pack, under the number of what they watch, and it names no other', () => {
    const guide = readFileSync(join(root, 'docs/rule-pack.md'), 'utf8')
    const rows = guide.split('\n').filter((line) => /^\| \d+ /.test(line))
    expect(rows.map((row) => Number(row.split('|')[1]))).toEqual(Array.from({ length: 35 }, (_, index) => index + 1))
    const named = new Set([...guide.matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id))
    expect(rules.map(({ id }) => id).filter((id) => !named.has(id))).toEqual([])
    const inRows = rows.flatMap((row) => [...(row.split('|')[3] ?? '').matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id))
    expect(inRows.filter((id) => !rules.some((rule) => rule.id === id))).toEqual([])
  })

  test('look for codes that the catalogue has', () => {
    const codes = new Set(entries.map(({ code }) => code))
    const conditions = rules.flatMap(({ where, spec }) => [
      where,
      ...(spec.kind === 'match' && spec.resolveWhen ? [spec.resolveWhen] : []),
    ])
    const looked = conditions
      .flatMap(testsOf)
      .filter(({ path }) => path.join('.') === 'event.code')
      .flatMap(({ values }) => values)
    expect(looked.filter((code) => !codes.has(String(code)))).toEqual([])
  })
})

describe('lint knows every field', () => {
  /** `rabbitmq.queue`, `user.name` … */
  const pathsOf = (value: unknown, path = ''): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, path === '' ? name : `${path}.${name}`))
      : [path]

  test('of recognised log lines', () => {
    const paths = entries.flatMap(({ sample }) => pathsOf(recognise(sample)?.fields ?? {}))
    expect([...new Set(paths)].filter((path) => path !== '' && producersOf(path, ['APP']).length === 0)).toEqual([])
  })

  test("of a node's resources", () => {
    const answer = Object.fromEntries(
      'mem_used mem_limit disk_free disk_free_limit fd_used fd_total sockets_used sockets_total proc_used proc_total run_queue uptime'
        .split(' ')
        .map((name) => [name, 1]),
    )
    const flags = { mem_alarm: false, disk_free_alarm: false, running: true, being_drained: false, partitions: [] }
    const identity = { agentId: 'a', agentVersion: '0', hostName: 'h', cluster: () => 'c' }
    const event = nodeEvent({ name: 'rabbit@a', ...answer, ...flags }, { identity, id: 'x', atMs: 0 })
    expect(pathsOf(event).filter((path) => producersOf(path, ['METRIC']).length === 0)).toEqual([])
  })

  test('of queues, of the whole cluster and of certificates', () => {
    const identity = { agentId: 'a', agentVersion: '0', hostName: 'h', cluster: () => 'c', node: () => 'rabbit@a' }
    const numbers = { messages: 1, messages_ready: 1, messages_unacked: 0, consumers: 0, memory_bytes: 9 }
    const queue = queueEvent({ reading: { vhost: '/', queue: 'q', ...numbers }, perSecond: 1 }, 'classic', identity, 0)
    const rates = ['publish', 'deliver_get', 'ack', 'redeliver', 'return_unroutable', 'drop_unroutable']
    const answer = {
      queue_totals: { messages: 1, messages_ready: 1, messages_unacknowledged: 0 },
      object_totals: { queues: 1, connections: 1, channels: 1, consumers: 1, exchanges: 1 },
      message_stats: Object.fromEntries(rates.map((name) => [`${name}_details`, { rate: 1 }])),
    }
    const certificate = certificateEvent({ protocol: 'amqp/ssl', port: 5671, untilMs: 0 }, identity, 0)
    const paths = [queue, clusterEvent(answer, identity, 0), certificate].flatMap((event) => pathsOf(event))
    expect(paths.filter((path) => producersOf(path, ['METRIC']).length === 0)).toEqual([])
  })
})
