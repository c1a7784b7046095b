import { withEvidence } from '../../event/attribution.ts'
import { streamKey, type Emitted } from '../../event/encode.ts'
import type { ThumpEvent } from '../../event/event.ts'
import type { Identity } from '../source.ts'
import { entries } from '../parse/catalogue/entries.ts'
import { Connections, type KnownConnection } from './connections.ts'
import { evidenceFrom } from './evidence.ts'
import { fromAccess } from './from-access.ts'
import { fromLog } from './from-log.ts'
import { observe } from './observe.ts'
import { Queues } from './queues.ts'
import { Recent } from './recent.ts'
import { tellWho } from './who.ts'

/** Codes of the log lines that the correlator wants to see. */
export const correlatedCodes: ReadonlySet<string> = new Set(
  entries.filter(({ category }) => /^(?:connection|channel|authentication)$/.test(category)).map(({ code }) => code),
)

/** Joins object events, connections, channels, log lines and access lines by connection name and Erlang pid. */
export interface Correlator {
  /** Learns from an event of the event exchange, and says in place who did it as far as that is known at this instant. `isAgain`: the message may have been read before. */
  attribute(event: ThumpEvent, isAgain?: boolean): void
  /** The same for a line; returns what it gives rise to: an operation that no event tells, or evidence of an earlier deed. */
  derive(line: ThumpEvent): Emitted[]
  readonly connections: Connections
  readonly queues: Queues
  /** From when on every open connection is known; undefined = not yet. Ms since the epoch. */
  completeFromMs: number | undefined
  /** More than one node: the absence of an access line here proves nothing. */
  isSingleNode: boolean
  /** Takes what the broker lists: connections that no event told of, as of `atMs`; those missing from it are over. */
  reconcile(listed: readonly KnownConnection[], atMs: number): void
}

/** The broker lists a connection up to five seconds after it opened. */
const listLagMs = 6000

export interface CorrelatorDeps {
  readonly identity: Pick<Identity, 'keyNode'>
  /** False where nobody reads the event exchange: evidence is then handed on, and not kept for a deed that never comes. */
  readonly hasDeeds?: boolean
}

export function createCorrelator({ identity, hasDeeds = true }: CorrelatorDeps): Correlator {
  const connections = new Connections()
  const queues = new Queues()
  const recent = new Recent(hasDeeds)
  let firstAccessMs = Number.POSITIVE_INFINITY
  const emitted = (line: ThumpEvent, path: string | undefined, event: ThumpEvent): Emitted => ({
    topic: 'AMQP',
    key: streamKey(identity.keyNode(), path ?? line.event.dataset),
    event,
  })
  const correlator: Correlator = {
    connections,
    queues,
    completeFromMs: undefined,
    isSingleNode: false,
    attribute(event, isAgain = false) {
      const before = isAgain ? recent.same(event.event.id) : undefined
      if (before) return become(event, before)
      observe(event, { connections, queues })
      const atMs = Date.parse(event['@timestamp'])
      const { completeFromMs = Number.POSITIVE_INFINITY } = correlator
      tellWho(event, connections, atMs >= completeFromMs && connections.forgotten === 0)
      const earlier = recent.evidenceOf(event)
      if (earlier.length > 0) become(event, withEvidence(event, earlier))
      else recent.addDeed(event)
    },
    derive(line) {
      const path = line.log?.file?.path
      if (line.event.dataset !== 'rabbitmq.access')
        return fromLog(line, connections, recent).map((event) => emitted(line, path, event))
      const atMs = Date.parse(line['@timestamp'])
      firstAccessMs = Math.min(firstAccessMs, atMs)
      const found = fromAccess(line, recent)
      const inferred = correlator.isSingleNode ? recent.unexplained(firstAccessMs, atMs).map(settled) : []
      return [...found, ...inferred].map((event) => emitted(line, path, event))
    },
    reconcile(listed, atMs) {
      const names = new Set(listed.map(({ name }) => name))
      for (const connection of connections.all())
        if (connection.openedMs < atMs - listLagMs && !names.has(connection.name)) connections.close(connection, atMs)
      for (const connection of listed) {
        const known = connections.byName(connection.name)
        if (!known || (known.closedMs !== undefined && known.openedMs < connection.openedMs - 1000))
          connections.open(connection)
      }
      correlator.completeFromMs ??= atMs
    },
  }
  return correlator
}

/** The access log was read past the deed, and tells of no such request. */
function settled(deed: ThumpEvent): ThumpEvent {
  const { arguments: _, ...fields } = deed.rabbitmq ?? {}
  const piece = evidenceFrom(deed, {
    operations: deed.amqp?.operation ? [deed.amqp.operation] : [],
    ordinal: 0,
    message: `no HTTP request tells of it, it was done over a connection: ${deed.message}`,
    fields: { ...fields, attribution: 'amqp' },
    target: deed.user?.target?.name,
  })
  return { ...piece, related: { ...piece.related, id: deed.event.id } }
}

function become(event: ThumpEvent, other: ThumpEvent): void {
  for (const field of Object.keys(event)) if (!(field in other)) delete event[field]
  Object.assign(event, other)
}
