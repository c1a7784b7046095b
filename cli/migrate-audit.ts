import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { openTransport } from '../transport/open-transport.ts'
import type { Producer } from '../transport/transport.ts'
import { type Deed, doer, recordDeed } from './audit.ts'
import type { Context } from './context.ts'
import { count } from './progress.ts'

/** What is recorded of a migration: who carried what where, and how it ended. */
export interface Migration {
  readonly to: 'elasticsearch' | 'kafka'
  /** Its addresses, without secrets. */
  readonly target: string
  /** Undefined where the user gave none. */
  readonly reason: string | undefined
}

export interface Carried {
  readonly what: 'events' | 'records'
  readonly carried: number
  readonly isWhole: boolean
}

/** Before anything is carried; rejects where it cannot be recorded. */
export async function recordStart(context: Context, migration: Migration): Promise<void> {
  await withOwnProducer(context, (producer) => recordDeed(producer, deedOf(migration), systemClock))
}

/** `producer`: of the log that goes on afterwards; by default the one in use. */
export async function recordEnd(
  context: Context,
  migration: Migration,
  done: Carried,
  producer?: Producer,
): Promise<void> {
  const record = (into: Producer) => recordDeed(into, deedOf(migration, done), systemClock)
  await (producer ? record(producer) : withOwnProducer(context, record))
}

async function withOwnProducer(context: Context, work: (producer: Producer) => Promise<void>): Promise<void> {
  const shutdown = new Shutdown()
  try {
    const deps = { log: context.log, metrics: createMetrics(), now: systemClock }
    const transport = shutdown.own('transport', await openTransport(context.config, deps, 'read'))
    await work(shutdown.own('producer', await transport.createProducer()))
  } finally {
    await shutdown.run(AbortSignal.timeout(10_000))
  }
}

function deedOf({ to, target, reason }: Migration, done?: Carried): Deed {
  const why = reason === undefined ? '' : `: ${reason}`
  const how = done ? `, ${count(done.carried)} ${done.what} carried${done.isWhole ? '' : ', not all'}` : ''
  return {
    action: done ? 'migrate.finished' : 'migrate.started',
    message: `migration to ${to} ${done ? 'ended' : 'begun'} by ${doer()}: ${target}${how}${why}`,
    ...(done && { outcome: done.isWhole ? 'success' : 'failure' }),
    fields: {
      migrate: { to, target, ...(reason !== undefined && { reason }), ...(done && { [done.what]: done.carried }) },
    },
  }
}
