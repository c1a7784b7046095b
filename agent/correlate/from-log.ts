import type { ThumpEvent } from '../../event/event.ts'
import type { Operation } from '../../event/operations.ts'
import { type Connections, linePid } from './connections.ts'
import { evidenceFrom } from './evidence.ts'
import { tellConnection } from './observe.ts'
import type { Recent } from './recent.ts'

/** A closing line speaks of a connection's end, a channel's error of a channel's. */
const ends: readonly (readonly [RegExp, Operation])[] = [
  [/^(?:closing AMQP connection|Error on AMQP connection|Closing connection)\b/, 'connection.close'],
  [/^(?:Channel error on connection|Consumer '?[^\n]{0,256} has timed out)/, 'channel.close'],
]

/**
 * Adds to a recognised line, in place, whose connection it speaks of, by name or by the pid that wrote it; and gives the
 * reason of a connection's or channel's end, which the events lack, as evidence.
 */
export function fromLog(line: ThumpEvent, connections: Connections, recent: Recent): ThumpEvent[] {
  const connection = connectionOf(line, connections)
  if (connection) tellConnection(line, connection)
  const operation = ends.find(([pattern]) => pattern.test(line.message))?.[1]
  const { connection: name, channel } = line.rabbitmq ?? {}
  const reason = line.event.code
  if (operation === undefined || name === undefined || reason === undefined) return []
  if (operation === 'channel.close' && channel === undefined) return []
  const piece = evidenceFrom(line, {
    operations: [operation],
    ordinal: 0,
    message: line.message.slice(0, 512),
    fields: { connection: name, ...(channel !== undefined && { channel }), reason, ...wayOf(reason, line.message) },
  })
  const deed = recent.deedOf(piece)
  if (deed) return [{ ...piece, related: { ...piece.related, id: deed.event.id } }]
  recent.addEvidence(piece)
  return [piece]
}

function connectionOf(line: ThumpEvent, connections: Connections) {
  const { connection, pid } = line.rabbitmq ?? {}
  if (connection !== undefined) return connections.byName(connection)
  const node = line.service.node?.name
  if (pid === undefined || node === undefined) return undefined
  const found = connections.byLocalPid(linePid(node, pid))
  // Pids are used again: the line must lie within the connection's life, and a moment after for its last words.
  const atMs = Date.parse(line['@timestamp'])
  return found && atMs >= found.openedMs - 1000 && atMs <= (found.closedMs ?? atMs) + 5000 ? found : undefined
}

function wayOf(reason: string, message: string): { attribution?: string } {
  if (reason === 'missed-heartbeats' || reason === 'consumer-ack-timeout') return { attribution: 'broker' }
  if (reason === 'connection-forced') {
    if (/Closed via management/i.test(message)) return { attribution: 'http-api' }
    return /broker forced|node is being|shutdown/i.test(message) ? { attribution: 'broker' } : { attribution: 'cli' }
  }
  return { attribution: 'amqp' }
}
