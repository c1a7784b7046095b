import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import { itemAt } from './sqlite-story.ts'

/** A process to be killed: stores events in bulks, and prints the number below which all are acknowledged. */
const [dir = '', from = '0'] = process.argv.slice(2)
const bulk = 37
const { value } = await createSqliteStorage(
  { dir, retentionMs: 1e13, maxBytes: 1e12, mode: 'write' },
  { log: silentLogger, metrics: createMetrics(), now: systemClock },
)
for (let first = Number(from); ; first += bulk) {
  const items = Array.from({ length: bulk }, (_, index) => itemAt(first + index))
  const outcomes = await value.store.write(items, new AbortController().signal)
  if (outcomes.some(({ kind }) => kind !== 'stored')) throw new Error(`not stored: ${JSON.stringify(outcomes)}`)
  process.stdout.write(`${first + bulk}\n`)
}
