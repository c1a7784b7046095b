import { Temporal } from 'temporal-polyfill'
import type { Rule } from '../rules/rule.ts'
import type { RuleTest } from '../rules/schema.ts'
import type { KeyValue } from '../transition.ts'
import type { NewTransition } from './changes.ts'
import { runVirtually, type VirtualEvent } from './virtual-run.ts'

/** What one test of a rule's `tests` came to; no failures = it passed. */
export interface TestResult {
  readonly rule: Rule
  readonly name: string
  readonly failures: readonly string[]
  /** Where the test stands in the rule's file. */
  readonly line?: number | undefined
}

/** A Monday noon, in the rule's zone. */
const defaultStart = '2026-01-05T12:00'

/** Runs the tests beside a rule on a virtual clock. `all` holds the rules a composite looks at. */
export function runRuleTests(rule: Rule, all: readonly Rule[]): TestResult[] {
  return rule.tests.map((test, index) => {
    const line = rule.testLines?.[index]
    try {
      return { rule, name: test.name, failures: runTest(rule, test, all), line }
    } catch (error) {
      return { rule, name: test.name, failures: [error instanceof Error ? error.message : String(error)], line }
    }
  })
}

function runTest(rule: Rule, test: RuleTest, all: readonly Rule[]): string[] {
  const startMs = startOf(rule, test)
  const events = test.events.flatMap((event) => eventsOf(event, startMs, rule))
  const lastMs = events.reduce((last, { atMs }) => Math.max(last, atMs), startMs)
  const untilMs = test.advance === undefined ? lastMs : startMs + test.advance
  const transitions = runVirtually({
    rules: [rule, ...membersOf(rule, all)].map((each) => ({ ...each, stage: 'live' as const })),
    startMs,
    events,
    untilMs,
    allowedLatenessMs: rule.latenessMs,
  }).filter(({ record }) => record.ruleId === rule.id)
  const comparesResolved = test.expect.some(({ state }) => state === 'resolved')
  const actual = transitions.filter(({ kind }) => kind === 'firing' || comparesResolved)
  return compare(test.expect, actual, startMs)
}

function membersOf({ spec }: Rule, all: readonly Rule[]): Rule[] {
  if (spec.kind !== 'composite') return []
  const ids = new Set([...spec.allOf, ...spec.anyOf])
  return all.filter(({ id }) => ids.has(id))
}

function startOf({ active }: Rule, { start }: RuleTest): number {
  if (start === undefined)
    return Temporal.PlainDateTime.from(defaultStart).toZonedDateTime(active?.tz ?? 'UTC').epochMilliseconds
  const atMs = Date.parse(start)
  if (Number.isNaN(atMs)) throw new Error(`start "${start}" is no time; write it as 2026-01-05T12:00:00+09:00`)
  return atMs
}

function eventsOf(
  { at, topic, repeat = 1, every = 0, ...event }: RuleTest['events'][number],
  startMs: number,
  rule: Rule,
): VirtualEvent[] {
  const of = topic ?? rule.topics[0] ?? 'APP'
  return Array.from({ length: repeat }, (_, index) => ({ atMs: startMs + at + index * every, topic: of, event }))
}

function compare(expected: RuleTest['expect'], actual: readonly NewTransition[], startMs: number): string[] {
  const left = [...actual]
  const failures: string[] = []
  // The more an expectation says, the earlier it chooses.
  for (const expectation of expected.toSorted((a, b) => weight(b) - weight(a))) {
    const index = left.findIndex((transition) => fits(expectation, transition, startMs))
    if (index >= 0) left.splice(index, 1)
    else failures.push(`expected ${describe(expectation.state, expectation.at, expectation.key)}: it did not come`)
  }
  for (const { kind, atMs, record } of left)
    failures.push(`not expected: ${describe(kind, atMs - startMs, record.key)}`)
  return failures
}

function weight({ at, key }: RuleTest['expect'][number]): number {
  return (at === undefined ? 0 : 1) + Object.keys(key ?? {}).length
}

function fits(
  { at, key, state }: RuleTest['expect'][number],
  { kind, atMs, record }: NewTransition,
  startMs: number,
): boolean {
  if (kind !== state || (at !== undefined && atMs !== startMs + at)) return false
  return Object.entries(key ?? {}).every(([name, value]) => record.key[name] === value)
}

function describe(state: string, at: number | undefined, key: Readonly<Record<string, KeyValue>> | undefined): string {
  const fields = Object.entries(key ?? {}).map(([name, value]) => `${name}=${String(value)}`)
  return [state, ...(at === undefined ? [] : [`at ${inUnits(at)}`]), ...fields].join(' ')
}

function inUnits(ms: number): string {
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms !== 0 && ms % size === 0) return `${ms / size}${unit}`
  return ms === 0 ? '0s' : `${ms}ms`
}
