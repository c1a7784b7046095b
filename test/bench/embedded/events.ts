import type { StoreItem } from '../../../storage/storage.ts'
import type { ThumpEvent } from '../../../event/event.ts'

/** The first of the days. */
export const firstDayMs = Date.parse('2026-10-01T00:00:00Z')
export const dayMs = 86_400_000

const levels = ['info', 'info', 'info', 'info', 'warning', 'error']
const korean = [
  '회원탈퇴를 요청했습니다: 카드론 문의',
  '주문 서비스가 응답하지 않습니다',
  '결제 큐에 메시지가 쌓이고 있습니다',
]

/** An event of a common day: a log line, a Korean one, or an operation; always the same for the same number. */
export function eventAt(number: number, atMs: number) {
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

export interface Load {
  readonly events: number
  readonly days: number
}

/** Events `from` to `from + count` of a load that is spread evenly over its days. */
export function itemsOf({ events, days }: Load, from: number, count: number): StoreItem[] {
  return Array.from({ length: Math.max(0, Math.min(count, events - from)) }, (_, index) => {
    const number = from + index
    const atMs = firstDayMs + Math.floor((number / events) * days * dayMs)
    const event = eventAt(number, atMs) as ThumpEvent
    return { topic: 'APP', id: event.event.id, event, value: Buffer.from(JSON.stringify(event)), atMs }
  })
}
