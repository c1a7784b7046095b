import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createEngine, type Engine } from '../../alerting/engine/engine.ts'
import type { EngineOptions } from '../../alerting/engine/engine-io.ts'
import { parseRuleFile } from '../../alerting/rules/parse-file.ts'
import { compileCondition } from '../../alerting/rules/predicate.ts'
import { RulePieces } from '../../alerting/rules/rule-pieces.ts'
import type { Rule } from '../../alerting/rules/rule.ts'
import type { BenchTable } from './bench.ts'
import { mixedEvent, mixedFile, mixedRules, parseContext as context } from './mixed-rules.ts'

const startMs = Date.parse('2026-11-24T12:00:00Z')
const batchSize = 500
const flushEveryMs = 500
const eventCount = 200_000
const quiet: EngineOptions['counts'] = {
  matched: () => {},
  late: () => {},
  skipped: () => {},
  evicted: () => {},
  invalid: () => {},
  ahead: () => {},
}

/** Encoded events of about 250 bytes; `share` of them concern a rule. */
function encode(count: number, share: number, rules: number): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(JSON.stringify(mixedEvent(index, { share, rules, atMs: startMs + index }))),
  )
}

/** One pass over all events, each once, in the order of their times; what changed is handed over as often as in production. */
function engineSpeed(
  rules: readonly Rule[],
  values: readonly Buffer[],
): { perSecond: number; perCpuSecond: number; worstMs: number } {
  const engine = createEngine({ allowedLatenessMs: 30_000, maxEventAgeMs: 900_000, counts: quiet })
  engine.start(rules, undefined, startMs)
  engine.assign('APP', 0)
  let worstMs = 0
  let flushedMs = performance.now()
  const started = flushedMs
  const cpu = process.threadCpuUsage()
  for (let offset = 0; offset < values.length; offset += batchSize) {
    const records = values
      .slice(offset, offset + batchSize)
      .map((value, index) => ({ offset: offset + index, timestampMs: startMs, value }))
    const before = performance.now()
    engine.take(
      { topic: 'APP', partition: 0, records, highWatermark: values.length },
      startMs + eventCount + before - started,
    )
    if (before - flushedMs > flushEveryMs) {
      engine.changes()
      flushedMs = before
    }
    worstMs = Math.max(worstMs, performance.now() - before)
  }
  const { user, system } = process.threadCpuUsage(cpu)
  return {
    perSecond: (values.length * 1000) / (performance.now() - started),
    perCpuSecond: (values.length * 1_000_000) / (user + system),
    worstMs,
  }
}

/** What anybody would write first: parse, then ask every rule. */
function naiveSpeed(rules: readonly Rule[], values: readonly Buffer[], seconds: number): number {
  const predicates = rules.map(({ where }) => compileCondition(where))
  const started = performance.now()
  let taken = 0
  let hits = 0
  while (performance.now() - started < seconds * 1000) {
    const event: unknown = JSON.parse(values[taken++ % values.length]!.toString())
    for (const predicate of predicates) if (predicate(event)) hits++
  }
  if (hits < 0) throw new Error('never')
  return (taken * 1000) / (performance.now() - started)
}

/** What merely reading them costs, for comparison on a machine that does other things as well. */
function parseSpeed(values: readonly Buffer[]): number {
  const cpu = process.threadCpuUsage()
  let fields = 0
  for (const value of values) if (JSON.parse(value.toString()) !== null) fields++
  const { user, system } = process.threadCpuUsage(cpu)
  return (fields * 1_000_000) / (user + system)
}

/** Keys that each hold one sample: what a million of them take of the heap. */
function memoryTable(keys: number): BenchTable {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const source = `rules:\n- {id: r, topic: APP, type: count, groupBy: user.name, maxKeys: ${keys}, count: {gte: 10, within: 1h}}\n`
  const { rules: set } = parseRuleFile('bench.yaml', source, context)
  const engine = createEngine({ allowedLatenessMs: 30_000, maxEventAgeMs: 900_000, counts: quiet })
  engine.start(set, undefined, startMs)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let first = 0; first < keys; first += batchSize) {
    const records = Array.from({ length: batchSize }, (_, index) => {
      const event = {
        '@timestamp': new Date(startMs + (first + index) / 100).toISOString(),
        event: { id: `agent-gen-${first + index}` },
        user: { name: `user-${first + index}` },
      }
      return { offset: first + index, timestampMs: startMs, value: Buffer.from(JSON.stringify(event)) }
    })
    engine.take({ topic: 'APP', partition: 0, records, highWatermark: first + batchSize }, startMs + first / 100)
    engine.changes()
  }
  collect()
  const heap = process.memoryUsage().heapUsed - before
  return {
    title: 'live keys',
    rows: [{ keys: engine.status()[0]?.keys ?? 0, 'heap MB': heap / 1e6, 'bytes/key': heap / keys }],
  }
}

/** From files' texts to rules that run: at first, when one rule of all was edited, and when every one was. */
function reloadTable(count: number): BenchTable {
  const rows = [1, 100].flatMap((files) => {
    const each = count / files
    const first = Array.from({ length: files }, (_, index) => mixedFile(index * each, each))
    const oneEdited = first.map((text, index) =>
      index === files - 1 ? text.replace('type: match', 'type: match\n  severity: high') : text,
    )
    const allEdited = first.map((text) => `defaults: {owner: mq-team}\n${text}`)
    const engine = createEngine({ allowedLatenessMs: 30_000, maxEventAgeMs: 900_000, counts: quiet })
    engine.start([], undefined, startMs)
    const pieces = new RulePieces()
    return [
      { what: 'first load', texts: first },
      { what: 'nothing edited', texts: first },
      { what: 'one rule edited', texts: oneEdited },
      { what: 'every rule edited', texts: allEdited },
    ].map(({ what, texts }) => ({ files, rules: count, what, ...reload(engine, pieces, texts) }))
  })
  return { title: 'reload', rows }
}

function reload(engine: Engine, pieces: RulePieces, texts: readonly string[]): Record<string, number> {
  const cpuMs = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  const startedMs = cpuMs()
  // As in production: what is new is read between batches, and only the rest holds them up.
  texts.forEach((text, index) => pieces.parse(`bench-${index}.yaml`, text, context))
  const aheadMs = cpuMs()
  const next = texts.flatMap((text, index) => parseRuleFile(`bench-${index}.yaml`, text, context, pieces).rules)
  pieces.sweep()
  engine.replaceRules(next, startMs)
  const endedMs = cpuMs()
  return { 'CPU ms': endedMs - startedMs, 'of these read ahead': aheadMs - startedMs, 'the pause': endedMs - aheadMs }
}

/** Events a second on one core, from encoded bytes to decided windows, beside a loop over all rules. */
export default function rules(argv: readonly string[]): Promise<BenchTable | readonly BenchTable[]> {
  if (argv[0] === 'keys') return Promise.resolve(memoryTable(1_000_000))
  if (argv[0] === 'reload') return Promise.resolve(reloadTable(10_000))
  const cases = [
    [100, 0.5],
    [1000, 0.5],
    [1000, 0.008],
    [10_000, 0.5],
  ]
  const rows = (argv[0] === undefined ? cases : [cases[Number(argv[0])] ?? []]).map(([count = 0, share = 0]) => {
    const set = mixedRules(count)
    const values = encode(eventCount, share, count)
    engineSpeed(set, values.slice(0, eventCount / 4))
    const bytes = Math.round(values.reduce((sum, value) => sum + value.length, 0) / values.length)
    const { perSecond, perCpuSecond, worstMs } = engineSpeed(set, values)
    const naive = naiveSpeed(set, values, 1)
    return {
      rules: count,
      'concerned %': share * 100,
      'bytes/event': bytes,
      'events/s': Math.round(perSecond),
      'events/CPU s': Math.round(perCpuSecond),
      'JSON.parse alone/CPU s': Math.round(parseSpeed(values)),
      'loop events/s': Math.round(naive),
      ratio: perSecond / naive,
      'slowest batch of 500 ms': worstMs,
    }
  })
  const speed = { title: 'rules', rows }
  return Promise.resolve(argv[0] === undefined ? [speed, reloadTable(10_000), memoryTable(1_000_000)] : speed)
}
