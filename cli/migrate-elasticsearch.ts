import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { type DayMigrated, migrateDays } from '../storage/migrate/migrate-days.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { Context } from './context.ts'
import { type Migration, recordEnd, recordStart } from './migrate-audit.ts'
import { count, createProgress } from './progress.ts'

/** Answers whether everything was carried. */
export async function migrateToElasticsearch(
  context: Context,
  reason: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const { config, log, err } = context
  const dir = join(config.dataDir, 'events')
  if (!existsSync(dir)) {
    err.write(`thump: no events are stored in ${dir}; is dataDir the one of thump up?\n`)
    return false
  }
  const { nodes, indexPrefix } = config.storage.elasticsearch
  const shutdown = new Shutdown()
  try {
    const target = { ...config, storage: { ...config.storage, kind: 'elasticsearch' } } as const
    const deps = { log, metrics: createMetrics(), now: systemClock }
    const { store } = shutdown.own('storage', await openStorage(target, deps))
    await store.setup(signal)
    const migration: Migration = { to: 'elasticsearch', target: nodes.join(', '), reason }
    await recordStart(context, migration)
    const progress = createProgress(context)
    const done: DayMigrated[] = []
    const migrating = migrateDays(
      {
        dir,
        store,
        journalPath: join(config.dataDir, 'migrate-elasticsearch.json'),
        target: `${nodes.join(',')} ${indexPrefix}`,
        onProgress: (day, events, total) => progress.show(day, events, total),
        onRefused: (id, reason, error) => log.error({ id, reason, error }, 'Elasticsearch refuses an event'),
        onAway: (cause) => log.warn({ err: cause }, 'Elasticsearch is away: tried again until it answers'),
      },
      signal,
    )
    for await (const result of migrating) {
      done.push(result)
      progress.line(sentenceOf(result))
    }
    const isWhole = tellWhole(done, nodes, err)
    const stored = done.reduce((sum, result) => sum + (result.kind === 'carried' ? result.stored : 0), 0)
    await recordEnd(context, migration, { what: 'events', carried: stored, isWhole })
    return isWhole
  } finally {
    await shutdown.run(AbortSignal.timeout(10_000))
  }
}

function sentenceOf(result: DayMigrated): string {
  if (result.kind === 'failed')
    return `${result.day}  failed: ${result.error instanceof Error ? result.error.message : String(result.error)}`
  const { day, stored, present, refused } = result
  const more = `${present > 0 ? `, ${count(present)} there already` : ''}${refused > 0 ? `, ${count(refused)} refused` : ''}`
  return `${day}  ${count(stored)} events carried${more}`
}

function tellWhole(done: readonly DayMigrated[], nodes: readonly string[], err: NodeJS.WritableStream): boolean {
  const carried = done.filter((result) => result.kind === 'carried')
  const sum = (key: 'stored' | 'present' | 'refused') => carried.reduce((total, result) => total + result[key], 0)
  const failed = done.length - carried.length
  const refused = sum('refused')
  const trouble = [
    failed > 0 ? `${failed} days could not be read` : '',
    refused > 0 ? `${count(refused)} events were refused (see the log)` : '',
  ].filter((text) => text !== '')
  const end = trouble.length > 0 ? `; ${trouble.join(', ')}` : ''
  err.write(`${count(sum('stored'))} events of ${done.length} days carried to ${nodes.join(', ')}${end}\n`)
  return trouble.length === 0
}
