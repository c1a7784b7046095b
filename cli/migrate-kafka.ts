import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { moveOffsets, readOffsets } from '../alerting/state/move-offsets.ts'
import { systemClock } from '../runtime/clock.ts'
import { ThumpError, UnavailableError } from '../runtime/errors.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { retryForever } from '../runtime/retry.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { openStoppedLog } from '../transport/embedded/stopped-log.ts'
import { type GroupOffsets, openGroupOffsets } from '../transport/kafka/group-offsets.ts'
import { openJournal } from '../transport/migrate/journal.ts'
import { migrateLog } from '../transport/migrate/migrate-log.ts'
import { openTransport, topicNamesOf } from '../transport/open-transport.ts'
import type { Context } from './context.ts'
import { type Migration, recordEnd, recordStart } from './migrate-audit.ts'
import { count, createProgress } from './progress.ts'

const patienceMs = 15_000
const backoff = { baseMs: 200, maxMs: 2000 }

/** Answers whether everything was carried. */
export async function migrateToKafka(
  context: Context,
  reason: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const { config, log, err } = context
  const dir = join(config.dataDir, 'log')
  if (!existsSync(dir)) {
    err.write(`thump: there is no log in ${dir}; is dataDir the one of thump up?\n`)
    return false
  }
  const { kafka } = config.transport
  const topics = topicNamesOf(config)
  const deps = { log, metrics: createMetrics(), now: systemClock }
  const shutdown = new Shutdown()
  try {
    const source = shutdown.own('log', openStoppedLog(dir, topics, deps))
    const target = { ...config, transport: { ...config.transport, kind: 'kafka' } } as const
    const groups = shutdown.own('groups', openGroupOffsets({ ...kafka, topics }, log))
    await untilThere(groups, kafka.brokers, signal)
    const transport = shutdown.own('kafka', await openTransport(target, deps))
    const producer = shutdown.own('producer', await transport.createProducer())
    const migration: Migration = { to: 'kafka', target: kafka.brokers.join(', '), reason }
    // Left beside the stopped log, it is carried with the rest.
    await recordStart(context, migration)
    const progress = createProgress(context)
    const statePath = join(config.dataDir, 'alerting', 'state.db')
    const { records, refused, lostOffsets } = await migrateLog(
      {
        source,
        producer,
        groups,
        journal: openJournal(join(config.dataDir, 'migrate-kafka.json'), `${kafka.brokers.join(',')} ${kafka.group}`),
        alerter: { places: () => readOffsets(statePath), move: (offsets) => moveOffsets(statePath, offsets) },
        log,
        onProgress: (done, total) => progress.show('records', done, total),
      },
      signal,
    )
    const trouble = [
      refused > 0 ? `${count(refused)} were refused (see the log)` : '',
      lostOffsets > 0 ? `${count(lostOffsets)} are damaged and lost (see the log)` : '',
    ].filter((text) => text !== '')
    const end = trouble.length > 0 ? `; ${trouble.join(', ')}` : ''
    progress.line(`${count(records)} records carried to ${kafka.brokers.join(', ')}${end}`)
    progress.line(`the groups ${kafka.group}-forwarder and ${kafka.group}-alerting stand where they stood here`)
    const isWhole = trouble.length === 0
    await recordEnd(context, migration, { what: 'records', carried: records, isWhole }, producer)
    return isWhole
  } finally {
    await shutdown.run(AbortSignal.timeout(10_000))
  }
}

/** Somebody sits before the screen: a wrong address must not wait for ever. Once begun, an absence is waited out. */
async function untilThere(groups: GroupOffsets, brokers: readonly string[], signal: AbortSignal): Promise<void> {
  const patience = AbortSignal.timeout(patienceMs)
  let last: unknown
  const onFailure = (cause: unknown) => {
    last = cause
  }
  try {
    const isFatal = (cause: unknown) => !(cause instanceof UnavailableError)
    await retryForever(() => groups.ends(['APP']), backoff, AbortSignal.any([signal, patience]), { onFailure, isFatal })
  } catch (cause) {
    if (!patience.aborted || signal.aborted) throw cause
    const why = last instanceof Error ? last.message : String(last)
    const message = `${brokers.join(', ')} gives no answer within ${patienceMs / 1000} s, and nothing was carried: ${why}`
    throw new ThumpError('THUMP_UNAVAILABLE', message, { cause: last })
  }
}
