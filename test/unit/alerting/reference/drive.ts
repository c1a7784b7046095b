import { createEngine } from '../../../../alerting/engine/engine.ts'
import type { Rule } from '../../../../alerting/rules/rule.ts'
import { rulesOf } from '../rule-source.ts'
import type { Course, GivenEvent, Told } from './slow-engine.ts'

/** A soak makes a hundred times as many. */
export const numRuns = Number(process.env['THUMP_DIFFERENTIAL_RUNS'] ?? 40)
export const timeoutMs = 60_000 + numRuns * 100
export const seed = Number(process.env['THUMP_SEED'] ?? 9)

export const lengthTicks = 60
const startMs = Date.parse('2026-01-05T12:00:00Z')
const tickMs = 1000
const untilMs = startMs + 4 * lengthTicks * tickMs

export function courseOf(latenessS: number): Course {
  return { startMs, untilMs, tickMs, latenessMs: latenessS * 1000 }
}

/** An event of a rule's life; `at` is in ticks. */
export interface Drawn {
  readonly at: number
  readonly app: object
}

export function given(events: readonly Drawn[]): GivenEvent[] {
  return events.map(({ at, app: fields }) => ({
    atMs: startMs + at * tickMs,
    event: JSON.parse(JSON.stringify({ app: fields })) as Record<string, unknown>,
  }))
}

const compared = { events: 0, rules: 0 }

/** A soak says how much it has compared. */
export function tellSoFar(): void {
  if (process.env['THUMP_DIFFERENTIAL_RUNS'] === undefined) return
  process.stdout.write(`compared ${compared.rules} rules over ${compared.events} events, seed ${seed}\n`)
}

/** What the last of some rules tells, by the engine, fed in the order given, on a wall clock that shows the greatest time so far. */
export function run(rules: readonly Rule[], events: readonly GivenEvent[], latenessS: number): Told[] {
  const noCounts = { matched() {}, late() {}, skipped() {}, evicted() {}, invalid() {}, ahead() {} }
  const latenessMs = latenessS * 1000
  const engine = createEngine({ allowedLatenessMs: latenessMs, maxEventAgeMs: 900_000, counts: noCounts })
  compared.rules += rules.length
  compared.events += events.length
  engine.start(rules, undefined, startMs)
  engine.assign('APP', 0)
  engine.caughtUp('APP', 0, startMs)
  const told: Told[] = []
  const { id, groupBy } = rules.at(-1)!
  const take = () => {
    for (const { record, kind, atMs } of engine.changes().transitions)
      if (record.ruleId === id)
        told.push({ key: JSON.stringify(groupBy.map(({ name: field }) => record.key[field])), kind, atMs })
  }
  let nowMs = startMs
  for (let first = 0; first < events.length; ) {
    // What happens at one instant arrives at once: with no lateness the instant is over after it.
    const atMs = events[first]!.atMs
    let end = first
    while (events[end]?.atMs === atMs) end++
    const records = events.slice(first, end).map(({ event: fields }, index) => {
      const full = { '@timestamp': new Date(atMs).toISOString(), event: { id: `e${first + index}` }, ...fields }
      return { offset: first + index, timestampMs: atMs, value: Buffer.from(JSON.stringify(full)) }
    })
    nowMs = Math.max(nowMs, atMs)
    engine.take({ topic: 'APP', partition: 0, records, highWatermark: end }, nowMs)
    take()
    first = end
  }
  engine.caughtUp('APP', 0, nowMs)
  engine.caughtUp('APP', 0, untilMs + latenessMs + 10_000)
  engine.settle(untilMs + latenessMs + 10_000)
  take()
  return told.filter(({ atMs }) => atMs <= untilMs)
}

/** What is drawn apart from its type's other uses. */
const kinds: Readonly<Record<string, string>> = { unordered: 'sequence', fewCount: 'count', fewDistinct: 'distinct' }

export function ruleOf(type: string, latenessS: number, ...own: readonly string[]): Rule {
  return rulesOf(`rules:\n${rulesText(type, 'r', latenessS, ...own)}`)[0]!
}

/** One rule of a file's list. */
export function rulesText(type: string, id: string, latenessS: number, ...own: readonly string[]): string {
  const lines = own.filter((line) => line !== '').map((line) => `  ${line}\n`)
  return `- id: ${id}\n  topic: APP\n  type: ${kinds[type] ?? type}\n  allowedLateness: ${latenessS}s\n${lines.join('')}`
}

/** In a form to compare: at which tick each key was told what. */
export function say(told: readonly Told[]): string[] {
  return told.map(({ key, kind, atMs }) => `${key} ${(atMs - startMs) / tickMs} ${kind}`).toSorted()
}
