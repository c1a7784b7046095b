import type { ThumpEvent } from '../../event/event.ts'
import { valuesAt } from '../query/matches.ts'

/** A column of the formats that know rows only; `event` at their end holds the whole. */
export interface FlatColumn {
  readonly path: string
  readonly kind: 'text' | 'integer'
}

const texts = [
  'event.id',
  'event.dataset',
  'event.action',
  'event.code',
  'event.outcome',
  'amqp.operation',
  'log.level',
  'log.file.path',
  'host.name',
  'service.name',
  'service.node.name',
  'user.name',
  'user.target.name',
  'source.ip',
  'client.name',
  'rabbitmq.vhost',
  'rabbitmq.exchange',
  'rabbitmq.routing_keys',
  'rabbitmq.queue',
  'rabbitmq.connection',
  'rabbitmq.policy',
  'rabbitmq.attribution',
  'url.path',
  'tags',
] as const
const integers = ['http.response.status_code', 'http.response.body.bytes', 'amqp.body.bytes'] as const

/** After `@timestamp`, before `message` and `event`. The order is part of the format: new ones come last. */
export const flatColumns: readonly FlatColumn[] = [
  ...texts.map((path) => ({ path, kind: 'text' }) as const),
  ...integers.map((path) => ({ path, kind: 'integer' }) as const),
]

/** The field as text, several values joined by a comma; undefined where the event has none. */
export function textAt(event: ThumpEvent, path: string): string | undefined {
  const values = valuesAt(event, path)
  if (values.length === 0) return undefined
  return values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(',')
}

/** Undefined where the field is no whole number. */
export function integerAt(event: ThumpEvent, path: string): number | undefined {
  const [value] = valuesAt(event, path)
  return Number.isSafeInteger(value) ? (value as number) : undefined
}
