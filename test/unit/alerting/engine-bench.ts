import type { ChangeSet } from '../../../alerting/engine/changes.ts'
import { createEngine, type Engine } from '../../../alerting/engine/engine.ts'
import type { SavedState } from '../../../alerting/engine/engine-io.ts'
import { storedKey, type WrittenKey } from '../../../alerting/engine/key-state.ts'
import type { TopicName } from '../../../event/topics.ts'
import { rulesOf } from './rule-source.ts'

/** Noon; all times of a bench are seconds after it. */
export const noonMs = Date.parse('2026-01-05T12:00:00Z')

/** An engine by hand: batches, idle partitions and wall clock as a test says. */
export interface EngineBench {
  readonly engine: Engine
  readonly counted: Record<string, number>
  /** Events at seconds after noon, read when the wall clock shows `wall` (default: the latest event's time). */
  read(events: ReadonlyArray<Record<string, unknown> & { at: number }>, options?: ReadOptions): void
  /** The partition has been empty until `wall`. */
  idle(wall: number, topic?: TopicName, partition?: number): void
  settle(wall: number): void
  /** `firing r a @10` … since the last call. */
  told(): string[]
  /** The state as it would be stored, for a next engine. */
  saved(): SavedState
}

interface ReadOptions {
  readonly wall?: number
  readonly topic?: TopicName
  readonly partition?: number
  /** Records that lie behind these, unread. */
  readonly lag?: number
}

/** `saved` = what an earlier bench left behind. */
export function benchOf(rules: string, { saved, wall = 0 }: { saved?: SavedState; wall?: number } = {}): EngineBench {
  const counted: Record<string, number> = {}
  const count = (name: string, by = 1) => {
    counted[name] = (counted[name] ?? 0) + by
  }
  const engine = createEngine({
    allowedLatenessMs: 30_000,
    maxEventAgeMs: 900_000,
    counts: {
      matched: (_, by) => count('matched', by),
      late: () => count('late'),
      skipped: (_, reason) => count(reason),
      evicted: (_, what) => count(`evicted ${what}`),
      invalid: (reason) => count(reason),
      ahead: () => count('ahead'),
      longText: () => count('long text'),
    },
  })
  const store = new Store(saved)
  const offsets = new Map<string, number>(
    saved?.positions.map(({ topic, partition, next }) => [`${topic} ${partition}`, next]),
  )
  engine.start(rulesOf(rules), saved, noonMs + wall * 1000)
  const told: string[] = []
  const flush = () => {
    const changes = engine.changes()
    store.write(changes)
    for (const { kind, record, atMs, isCatchUp, isSilent } of changes.transitions) {
      const marks = `${isCatchUp ? ' catch-up' : ''}${isSilent ? ' silent' : ''}`
      told.push(`${[kind, record.ruleId, ...Object.values(record.key)].join(' ')} @${(atMs - noonMs) / 1000}${marks}`)
    }
  }
  flush()
  return {
    engine,
    counted,
    read(
      events,
      { wall: at = Math.max(...events.map((event) => event.at)), topic = 'APP', partition = 0, lag = 0 } = {},
    ) {
      const key = `${topic} ${partition}`
      const first = offsets.get(key) ?? 0
      offsets.set(key, first + events.length)
      const records = events.map(({ at: seconds, ...event }, index) => {
        const atMs = noonMs + seconds * 1000
        const id = `${key} ${first + index}`
        const full = { '@timestamp': new Date(atMs).toISOString(), 'event.id': id, ...event }
        return { offset: first + index, timestampMs: atMs, value: Buffer.from(JSON.stringify(full)) }
      })
      engine.take({ topic, partition, records, highWatermark: first + events.length + lag }, noonMs + at * 1000)
      flush()
    },
    idle(at, topic = 'APP', partition = 0) {
      engine.caughtUp(topic, partition, noonMs + (at - 5) * 1000)
      engine.caughtUp(topic, partition, noonMs + at * 1000)
      this.settle(at)
    },
    settle(at) {
      engine.settle(noonMs + at * 1000)
      flush()
    },
    told: () => told.splice(0),
    saved: () => store.saved(),
  }
}

/** What the database would hold, through JSON as it would be. */
class Store {
  #positions = new Map<string, SavedState['positions'][number]>()
  #rules = new Map<string, { fingerprint: string; memory: string }>()
  #windows = new Map<string, Map<string, string>>()
  #seen = new Map<string, Map<string, number>>()
  #firing = new Map<string, SavedState['firing'][number]>()
  #heartbeats: ReadonlyMap<string, number> = new Map()

  constructor(saved: SavedState | undefined) {
    for (const { id, fingerprint, memory, windows, seen } of saved?.rules ?? []) {
      this.#rules.set(id, { fingerprint, memory: JSON.stringify(memory) })
      this.#windows.set(id, new Map(windows.map((state) => [state.id, JSON.stringify(state)])))
      this.#seen.set(id, new Map(seen.map((each) => [each.id, each.atMs])))
    }
    for (const record of saved?.firing ?? []) this.#firing.set(record.id, record)
    for (const position of saved?.positions ?? [])
      this.#positions.set(`${position.topic} ${position.partition}`, position)
  }

  write(changes: ChangeSet): void {
    for (const id of changes.dropped) for (const map of [this.#rules, this.#windows, this.#seen]) map.delete(id)
    for (const { id, fingerprint, memory } of changes.rules)
      this.#rules.set(id, { fingerprint, memory: JSON.stringify(memory) })
    for (const { rule, key, state } of changes.windows) {
      const windows = this.#windows.get(rule) ?? new Map<string, string>()
      this.#windows.set(rule, windows)
      if (state !== undefined) windows.set(key, state)
      else windows.delete(key)
    }
    for (const { rule, ids, times } of changes.seen) {
      const seen = this.#seen.get(rule) ?? new Map<string, number>()
      this.#seen.set(rule, seen)
      ids.forEach((id, index) => seen.set(id, times[index] ?? 0))
    }
    for (const { record, kind } of changes.transitions) {
      if (kind === 'firing') this.#firing.set(record.id, record)
      else this.#firing.delete(record.id)
    }
    for (const record of changes.alerts) this.#firing.set(record.id, record)
    for (const position of changes.positions) this.#positions.set(`${position.topic} ${position.partition}`, position)
    if (changes.heartbeats) this.#heartbeats = changes.heartbeats
  }

  saved(): SavedState {
    return {
      positions: [...this.#positions.values()],
      rules: [...this.#rules].map(([id, { fingerprint, memory }]) => ({
        id,
        fingerprint,
        memory: JSON.parse(memory) as { startedMs: number },
        windows: [...(this.#windows.get(id) ?? new Map<string, string>()).values()].map((text) =>
          storedKey(JSON.parse(text) as WrittenKey, (alert) => this.#firing.get(alert)?.samples.slice()),
        ),
        seen: [...(this.#seen.get(id) ?? new Map<string, number>())].map(([eventId, atMs]) => ({ id: eventId, atMs })),
      })),
      firing: [...this.#firing.values()],
      heartbeats: this.#heartbeats,
    }
  }
}
