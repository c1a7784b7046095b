import { fold, valuesAt } from '../query/matches.ts'

/** Fields people filter by, with a column of their own: path → column. Text is kept folded there. */
export const columns: Readonly<Record<string, string>> = {
  'event.dataset': 'dataset',
  'event.action': 'action',
  'event.code': 'code',
  'event.outcome': 'outcome',
  'amqp.operation': 'operation',
  'log.level': 'level',
  'service.node.name': 'node',
  'user.name': 'user',
  'source.ip': 'ip',
  'client.name': 'client',
  'rabbitmq.vhost': 'vhost',
  'rabbitmq.exchange': 'exchange',
  'rabbitmq.queue': 'queue',
  'rabbitmq.connection': 'connection',
}

/** Those with an index by time: what is asked for most. */
export const indexed = ['dataset', 'code', 'operation', 'level', 'user', 'queue', 'connection'] as const

const paths = Object.keys(columns)

/** In the order of `columns`; null where the event has none. */
export function columnValues(event: unknown): Array<string | null> {
  return paths.map((path) => {
    const [value] = valuesAt(event, path)
    return typeof value === 'string' ? fold(value) : value === undefined ? null : JSON.stringify(value)
  })
}
