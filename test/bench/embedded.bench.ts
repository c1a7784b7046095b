import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseQuery } from '../../storage/query/parse.ts'
import { DaysReader } from '../../storage/sqlite/read-days.ts'
import { DaysWriter } from '../../storage/sqlite/write-days.ts'
import type { BenchTable } from './bench.ts'

const day = Date.parse('2026-11-22T00:00:00Z')
const bulk = 2000
const levels = ['info', 'info', 'info', 'info', 'warning', 'error']
const korean = [
  '회원탈퇴를 요청했습니다: 카드론 문의',
  '주문 서비스가 응답하지 않습니다',
  '결제 큐에 메시지가 쌓이고 있습니다',
]

/** One of the day's events: a log line, a Korean one, or an operation; always the same for the same number. */
function eventAt(number: number, atMs: number) {
  const roll = Math.imul(number + 1, 2654435761) >>> 0
  const connection = `10.0.${(number >> 10) % 4}.${(number >> 3) % 200}:${30000 + ((number >> 3) % 20000)} -> 10.0.9.1:5672`
  const id = `a1b2c3d4-0f0f4d7e-${number}`
  const base = {
    '@timestamp': new Date(atMs).toISOString(),
    host: { name: 'mq1' },
    service: { type: 'rabbitmq', name: 'orders', node: { name: 'rabbit@mq1' } },
    agent: { id: 'a1b2c3d4', version: '0.1.0' },
  }
  if (roll % 10 < 6) {
    const message =
      roll % 10 === 0 ? `${korean[number % 3]} ${number}` : `accepting AMQP connection <0.${number}.0> (${connection})`
    const log = { level: levels[roll % 6], file: { path: '/var/log/rabbitmq/rabbit@mq1.log' }, offset: number * 120 }
    return { ...base, event: { id, dataset: 'rabbitmq.log', sequence: number }, message, log, rabbitmq: { connection } }
  }
  const queue = `${['order', 'payment', 'stock'][roll % 3]}.created.v${roll % 50}`
  const user = { name: `app-${roll % 40}` }
  const operation = ['queue.delete', 'queue.declare', 'queue.bind', 'connection.open'][roll % 4]
  return {
    ...base,
    event: { id, dataset: 'rabbitmq.event', action: operation, sequence: number, outcome: 'success' },
    message: `queue '${queue}' deleted by ${user.name}`,
    amqp: { operation },
    user,
    rabbitmq: { queue, vhost: '/', connection },
  }
}

/** `npm run bench -- embedded [events]`: into SQLite with full text, and the questions asked of a day. */
export default function embedded([count = '100000']: readonly string[]): Promise<readonly BenchTable[]> {
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  try {
    const total = Number(count)
    const options = { dir, retentionMs: 1e15, maxBytes: 1e15 }
    const written = write(new DaysWriter(options), total)
    const size = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
    const row = { events: total, ...written, 'bytes on disk an event': size / total }
    return Promise.resolve([
      { title: 'write', rows: [row] },
      { title: 'search', rows: search(new DaysReader(options)) },
    ])
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function write(writer: DaysWriter, total: number) {
  const used = { cpuUs: 0, wallMs: 0 }
  for (let first = 0; first < total; first += bulk) {
    const values: Buffer[] = []
    const items = Array.from({ length: Math.min(bulk, total - first) }, (_, index) => {
      const atMs = day + Math.floor(((first + index) / total) * 86_400_000)
      const event = eventAt(first + index, atMs)
      const value = Buffer.from(JSON.stringify(event))
      values.push(value)
      return { topic: 'APP', id: event.event.id, atMs, bytes: value.length }
    })
    const cpu = process.cpuUsage()
    const started = performance.now()
    writer.write({ op: 'write', values: new Uint8Array(Buffer.concat(values)), items })
    const { user, system } = process.cpuUsage(cpu)
    used.cpuUs += user + system
    used.wallMs += performance.now() - started
  }
  writer.close()
  return { 'a CPU second': (total * 1e6) / used.cpuUs, 'a second': (total * 1000) / used.wallMs }
}

function search(reader: DaysReader) {
  const range = { sinceMs: day, untilMs: day + 86_400_000 }
  const asked = ['', 'log.level: error', 'amqp.operation: queue.delete and user.name: app-8', 'rabbitmq.queue: order.*']
  const rows = [...asked, '카드론', '응답하지', 'created', 'order.created.v2'].map((text) => {
    const parsed = parseQuery(text)
    if (!parsed.ok) throw new Error(parsed.error.message)
    const { query } = parsed
    const timed = <T>(work: () => T): readonly [T, number] => {
      work()
      const started = performance.now()
      return [work(), performance.now() - started]
    }
    const [{ count }, countMs] = timed(() => reader.count({ op: 'count', query, range }))
    const [, pageMs] = timed(() => reader.search({ op: 'search', query, range, sort: 'desc', limit: 100 }))
    const bucketMs = 3_600_000
    const [, histogramMs] = timed(() => reader.histogram({ op: 'histogram', query, range, bucketMs }))
    return { query: text || '(all)', count, 'count ms': countMs, 'newest 100 ms': pageMs, 'histogram ms': histogramMs }
  })
  reader.close()
  return rows
}
