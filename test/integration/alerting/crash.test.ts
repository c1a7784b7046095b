import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChangeSet, NewTransition } from '../../../alerting/engine/changes.ts'
import { createEngine } from '../../../alerting/engine/engine.ts'
import type { EngineBatch, SavedState } from '../../../alerting/engine/engine-io.ts'
import { loadState, saveChanges } from '../../../alerting/state/engine-store.ts'
import { openStateDatabase, type StateDatabase } from '../../../alerting/state/database.ts'
import { engineSchema, readTransitions } from '../../../alerting/state/outbox.ts'
import { rulesOf } from '../../unit/alerting/rule-source.ts'

const startMs = Date.parse('2026-01-05T12:00:00Z')
const rules = rulesOf(`
rules:
- {id: errors, topic: APP, type: match, where: {app.value: 0}, groupBy: app.key, quiet: 20s}
- {id: many, topic: APP, type: count, groupBy: app.key, count: {gte: 3, within: 20s}}
- {id: few, topic: APP, type: count, count: {lt: 2, within: 20s}}
- {id: silent, topic: APP, type: absence, groupBy: app.key, absence: {for: 31s}}
- {id: changed, topic: APP, type: change, groupBy: app.key, change: {field: app.value}}
- {id: new, topic: APP, type: newValue, newValue: {fields: [app.value], remember: 60s, learn: 5s}}
- {id: steps, topic: APP, type: sequence, within: 15s, steps: [{where: {app.value: 1}}, {not: {app.value: 3}}, {where: {app.value: 2}}]}
- {id: both, type: composite, groupBy: app.key, needs: {allOf: [errors, many]}, within: 10s}
`)
const noCounts = { matched() {}, late() {}, skipped() {}, evicted() {}, invalid() {}, ahead() {} }

interface Given {
  readonly at: number
  readonly key: string
  readonly value: number
}

function engineFrom(saved: SavedState | undefined) {
  const engine = createEngine({ allowedLatenessMs: 30_000, maxEventAgeMs: 900_000, counts: noCounts })
  engine.start(rules, saved, startMs)
  engine.assign('APP', 0)
  return engine
}

function recordAt({ at, key, value }: Given, offset: number, count: number): EngineBatch {
  const event = {
    '@timestamp': new Date(startMs + at * 1000).toISOString(),
    event: { id: `e${offset}` },
    app: { key, value },
  }
  const record = { offset, timestampMs: startMs, value: Buffer.from(JSON.stringify(event)) }
  return { topic: 'APP', partition: 0, records: [record], highWatermark: Math.max(offset + 1, count) }
}

/** Reads all events; after each of `crashes` the process dies with what it has not committed (`commits`: it has). */
function run(
  events: readonly Given[],
  commits: ReadonlySet<number>,
  crashes: ReadonlySet<number>,
  db: StateDatabase,
): string[] {
  const told: NewTransition[] = []
  const commit = (changes: ChangeSet) => saveChanges(db, changes)
  let engine = engineFrom(undefined)
  commit(engine.changes())
  const died = new Set<number>()
  for (let offset = 0; offset < events.length; offset++) {
    const nowMs = startMs + (events[offset]?.at ?? 0) * 1000
    engine.take(recordAt(events[offset]!, offset, 0), nowMs)
    engine.settle(nowMs)
    if (commits.has(offset)) commit(engine.changes())
    if (!crashes.has(offset) || died.has(offset)) continue
    died.add(offset)
    engine = engineFrom(loadState(db))
    offset = (engine.nextOffset('APP', 0) ?? 0) - 1
  }
  commit(engine.changes())
  told.push(...readTransitions(db, 0, 100_000))
  return told.map(
    ({ kind, atMs, alertId, record }) =>
      `${record.ruleId} ${alertId} ${kind} ${(atMs - startMs) / 1000} ${record.count} ${record.samples.map(({ event }) => event.id).join(' ')}`,
  )
}

function freshDatabase() {
  const started = openStateDatabase(':memory:')
  if (!started) throw new Error('a database in memory is never locked')
  started.value.migrate('engine', engineSchema)
  return started
}

test('a process killed anywhere, between commits or right after one, leaves the decisions of one that never was', async () => {
  const event = fc.record({
    at: fc.integer({ min: 1, max: 200 }),
    key: fc.constantFrom('a', 'b'),
    value: fc.integer({ min: 0, max: 3 }),
  })
  const places = fc.array(fc.integer({ min: 0, max: 39 }), { maxLength: 8 }).map((list) => new Set(list))
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 40 }),
      places,
      places,
      async (given, commits, crashes) => {
        const events = given.toSorted((a, b) => a.at - b.at)
        const calm = freshDatabase()
        const rough = freshDatabase()
        const expected = run(events, commits, new Set(), calm.value)
        // After a start absence waits for what lies there: the order of decisions may differ, never the decisions.
        expect(run(events, commits, crashes, rough.value).toSorted()).toEqual(expected.toSorted())
        await Promise.all([calm.stop(), rough.stop()])
      },
    ),
    { numRuns: Number(process.env['THUMP_CRASH_RUNS'] ?? 60), seed: 9 },
  )
})
