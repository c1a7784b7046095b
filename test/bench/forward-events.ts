import type { ThumpEvent } from '../../event/event.ts'
import { encodeEvent } from '../../event/encode.ts'
import type { TopicName } from '../../event/topics.ts'

const day = Date.parse('2026-11-22T00:00:00Z')

/** What a busy broker's agent sends, always the same for the same number: log lines, operations, and node samples. */
export function eventAt(number: number): { readonly topic: TopicName; readonly event: ThumpEvent } {
  const roll = (Math.imul(number + 1, 2654435761) >>> 0) % 1000
  const connection = `10.0.${(number >> 10) % 4}.${(number >> 3) % 200}:${30000 + ((number >> 3) % 20000)} -> 10.0.9.1:5672`
  const id = `a1b2c3d4-0f0f4d7e-${number.toString(36)}`
  const common = {
    '@timestamp': new Date(day + number * 20).toISOString(),
    host: { name: 'mq1.example.com' },
    service: { type: 'rabbitmq', name: 'orders', node: { name: 'rabbit@mq1' } },
    agent: { id: 'a1b2c3d4', version: '0.1.0' },
  }
  if (roll < 600) {
    const message = `connection <0.${number % 90_000}.0> (${connection} - orders-${roll % 7}): user 'app-${roll % 40}' authenticated and granted access to vhost '/'`
    const log = { level: 'info', file: { path: '/var/log/rabbitmq/rabbit@mq1.log' }, offset: number * 168 } as const
    const event = { id, dataset: 'rabbitmq.log', sequence: number * 168 }
    return { topic: 'APP', event: { ...common, event, message, log, rabbitmq: { connection } } }
  }
  const queue = `${['order', 'payment', 'stock'][roll % 3]}.created.v${roll % 50}`
  if (roll < 980) {
    const operation = roll % 2 === 0 ? 'queue.declare' : 'queue.delete'
    const event = {
      id,
      dataset: 'rabbitmq.event',
      action: `${operation}d`,
      sequence: number,
      outcome: 'success',
    } as const
    const message = `${operation} of '${queue}' in '/' by app-${roll % 40}`
    const user = { name: `app-${roll % 40}` }
    const source = { ip: `10.0.${roll % 4}.${roll % 200}`, port: 30_000 + roll }
    const rabbitmq = { vhost: '/', queue, connection, arguments: { 'x-queue-type': 'quorum', 'x-max-length': roll } }
    return { topic: 'AMQP', event: { ...common, event, message, amqp: { operation }, user, source, rabbitmq } }
  }
  const node = { mem_used_bytes: 4e8 + number, mem_limit_bytes: 8e8, disk_free_bytes: 5e10 - number, fd_used: roll }
  const event = { id, dataset: 'rabbitmq.node', sequence: number }
  return { topic: 'METRIC', event: { ...common, event, message: 'node sample', rabbitmq: { node } } }
}

/** The events as records, `size` at a time. */
export function* recordsOf(total: number, size: number) {
  for (let first = 0; first < total; first += size)
    yield Array.from({ length: Math.min(size, total - first) }, (_, index) =>
      encodeEvent({ ...eventAt(first + index), key: `rabbit@mq1/stream-${(first + index) % 24}` }),
    )
}
