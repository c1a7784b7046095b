import type { TopicName } from '../../event/topics.ts'
import { fieldValue } from '../rules/field.ts'
import { scannedCharacters, SharedTests } from '../rules/predicate.ts'
import type { Rule } from '../rules/rule.ts'
import type { AlertRecord, KeyValue } from '../transition.ts'
import { asksForBackground, isBackground } from './background.ts'
import { Changes, type ChangeSet } from './changes.ts'
import { Composites } from './composites.ts'
import type { Hit, KeyState } from './key-state.ts'
import type { EngineBatch, EngineOptions, SavedState } from './engine-io.ts'
import { Evaluators } from './evaluator.ts'
import { timeOfBytes } from './event-time.ts'
import { CostMeter } from './cost-meter.ts'
import { Heartbeats } from './heartbeats.ts'
import { isScannedInPart } from './long-text.ts'
import { advanceTo, markRead, PartitionClocks } from './partition-clocks.ts'
import { Positions } from './positions.ts'
import { RecentIds } from './recent-ids.ts'
import { idOf, parse, timeOf } from './read-event.ts'
import { type Route, routeRules } from './rule-routes.ts'
import { type Arrival, RuleRuntime, type RuntimeContext } from './rule-runtime.ts'
import { RuleTurn } from './turn.ts'

export interface RuleStatus {
  readonly rule: Rule
  readonly keys: number
  readonly watermarkMs: number | undefined
}

export interface Engine {
  /** Before anything else: the state of rules that are still the same is taken over, the rest is closed silently. */
  start(rules: readonly Rule[], saved: SavedState | undefined, nowMs: number): void
  /** Unchanged rules keep their state; edited ones begin anew; removed ones close their alerts silently. */
  replaceRules(rules: readonly Rule[], nowMs: number): void
  assign(topic: TopicName, partition: number): void
  revoke(topic: TopicName, partition: number): void
  /** Where reading goes on; undefined for a partition never read. */
  nextOffset(topic: TopicName, partition: number): number | undefined
  /** The log no longer holds what was to be read next: reading goes on elsewhere. */
  jump(topic: TopicName, partition: number, next: number): void
  take(batch: EngineBatch, nowMs: number): void
  caughtUp(topic: TopicName, partition: number, wallMs: number): void
  /** Decides all that the watermarks have passed. */
  settle(nowMs: number): void
  /** Ends an open alert by hand; false where there is none of this id. */
  closeAlert(alertId: string, nowMs: number): boolean
  hasTransitions(): boolean
  /** All changes since the last call. They must be written before the next call; the engine does not take them back. */
  changes(): ChangeSet
  stateOf(ruleId: string, key: readonly KeyValue[]): KeyState | undefined
  status(): readonly RuleStatus[]
}

const none: readonly number[] = []
/** What time alone decides lies a lateness back anyway: it is looked at this often, however many batches come. */
const settleEveryMs = 250
const keepHouseEveryMs = 5000

/** Events in, alert transitions out, on event time. Pure: wall clock comes as an argument, all effects go out as changes. */
export function createEngine(options: EngineOptions): Engine {
  return new EventTimeEngine(options)
}

class EventTimeEngine implements Engine {
  readonly #options: EngineOptions
  readonly #changes = new Changes()
  readonly #clocks = new PartitionClocks()
  readonly #meter: CostMeter
  readonly #counted = new Set<RuleRuntime>()
  readonly #recent = new RecentIds()
  readonly #turn = new RuleTurn()
  #positions = new Positions()
  #heartbeats = new Heartbeats()
  #runtimes = new Map<string, RuleRuntime>()
  #routes = new Map<TopicName, Route>()
  readonly #composites = new Composites()
  #nowMs = 0
  #settledMs = Number.NEGATIVE_INFINITY
  #keptHouseMs = Number.NEGATIVE_INFINITY
  /** Topics with records that lie unread for longer than they should. */
  #behind: ReadonlySet<TopicName> = new Set()

  constructor(options: EngineOptions) {
    this.#options = options
    this.#meter = new CostMeter(options.costClock)
  }

  start(rules: readonly Rule[], saved: SavedState | undefined, nowMs: number): void {
    this.#nowMs = nowMs
    this.#positions = new Positions(saved?.positions)
    this.#heartbeats = new Heartbeats(saved?.heartbeats)
    const kept = new Set<string>()
    const savedById = new Map(saved?.rules.map((rule) => [rule.id, rule]))
    const context = this.#context()
    for (const rule of rules) {
      if (rule.stage === 'off') continue
      const known = savedById.get(rule.id)
      if (known && known.fingerprint === rule.fingerprint) {
        kept.add(rule.id)
        const runtime = new RuleRuntime(rule, known.memory, context)
        runtime.load(known.windows, known.seen, nowMs)
        this.#runtimes.set(rule.id, runtime)
      } else this.#begin(rule, context)
    }
    for (const { id } of saved?.rules ?? []) if (!kept.has(id)) this.#changes.drop(id)
    for (const record of saved?.firing ?? []) if (!kept.has(record.ruleId)) this.#closeRecord(record)
    // A dropped rule's rows go first, so what began anew under the same id is written again after them.
    for (const runtime of this.#runtimes.values()) if (!kept.has(runtime.rule.id)) runtime.begin(nowMs)
    this.#route()
  }

  replaceRules(rules: readonly Rule[], nowMs: number): void {
    this.#nowMs = nowMs
    const before = this.#runtimes
    this.#runtimes = new Map()
    const context = this.#context()
    const active = rules.filter(({ stage }) => stage !== 'off')
    const byId = new Map(active.map((rule) => [rule.id, rule]))
    for (const [id, runtime] of before) {
      if (byId.get(id)?.fingerprint === runtime.rule.fingerprint) continue
      runtime.close(nowMs)
      this.#changes.drop(id)
    }
    for (const rule of active) {
      const runtime = before.get(rule.id)
      if (runtime && runtime.rule.fingerprint === rule.fingerprint) {
        runtime.edit(rule, nowMs)
        this.#runtimes.set(rule.id, runtime)
      } else this.#begin(rule, context).begin(nowMs)
    }
    this.#route()
  }

  #begin(rule: Rule, context: RuntimeContext): RuleRuntime {
    const runtime = new RuleRuntime(rule, { startedMs: this.#nowMs }, context)
    this.#runtimes.set(rule.id, runtime)
    return runtime
  }

  #closeRecord(record: AlertRecord): void {
    const atMs = this.#nowMs
    this.#changes.transition({
      alertId: record.id,
      kind: 'resolved',
      atMs,
      isCatchUp: false,
      isSilent: true,
      record: { ...record, state: 'resolved', resolvedAtMs: atMs },
    })
  }

  #context(): RuntimeContext {
    return {
      changes: this.#changes,
      counts: this.#options.counts,
      maxEventAgeMs: this.#options.maxEventAgeMs,
      shared: new SharedTests(),
      evaluators: new Evaluators(),
      turn: this.#turn,
      recent: this.#recent,
      counted: this.#counted,
      isSilent: (nodes, watermarkMs) => this.#heartbeats.isSilent(nodes, watermarkMs),
      decided: ({ id }, transition) => this.#composites.hear(id, transition),
    }
  }

  #route(): void {
    this.#composites.follow(this.#runtimes)
    this.#routes = routeRules(this.#runtimes, this.#clocks, () => this.#nowMs, this.#routes)
  }

  assign(topic: TopicName, partition: number): void {
    this.#clocks.assign(topic, partition, this.#positions.keptClock(topic, partition))
  }

  revoke(topic: TopicName, partition: number): void {
    this.#positions.keepClock(topic, partition, this.#clocks.clockOf(topic, partition))
    this.#clocks.revoke(topic, partition)
  }

  nextOffset(topic: TopicName, partition: number): number | undefined {
    return this.#positions.next(topic, partition)
  }

  jump(topic: TopicName, partition: number, next: number): void {
    this.#positions.touch(topic, partition).next = next
  }

  take({ topic, partition, records, highWatermark }: EngineBatch, nowMs: number): void {
    this.#nowMs = nowMs
    const { counts, allowedLatenessMs } = this.#options
    const position = this.#positions.touch(topic, partition)
    const clock = this.#clocks.of(topic, partition)
    const route = this.#routes.get(topic)
    if (this.#recent.isFull) this.#renewRecent()
    for (const { offset, timestampMs, value } of records) {
      // What was read before a reconnect and comes again is not taken twice.
      if (offset < position.next) continue
      position.next = offset + 1
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      const candidates = route ? route.network.ofBytes(bytes) : none
      // Heartbeats are heard from every event of THUMP; elsewhere what concerns no rule is not parsed.
      const skippedMs = candidates?.length === 0 && topic !== 'THUMP' ? timeOfBytes(bytes) : undefined
      const event = skippedMs === undefined ? parse(bytes) : undefined
      let atMs = skippedMs ?? timeOf(event) ?? timestampMs
      if (atMs > nowMs + allowedLatenessMs) {
        counts.ahead()
        atMs = nowMs
      }
      advanceTo(clock, atMs, offset + 1 < highWatermark)
      if (event !== undefined) {
        if (bytes.length > scannedCharacters && isScannedInPart(event)) counts.longText?.()
        const id = idOf(event) ?? `${topic} ${partition} ${offset}`
        const hit: Hit = { event, id, atMs, topic, isResolving: false, steps: undefined, member: undefined }
        this.#takeEvent({ hit, nowMs, isNew: !this.#recent.mayHold(id) }, route, candidates)
      } else if (skippedMs === undefined) counts.invalid('not-an-object')
      markRead(clock, offset, atMs, highWatermark)
    }
    if (nowMs - this.#settledMs >= settleEveryMs) this.settle(nowMs)
  }

  #renewRecent(): void {
    this.#recent.renew([...this.#runtimes.values()].map(({ seen }) => seen))
  }

  #takeEvent(arrival: Arrival, route: Route | undefined, candidates: readonly number[] | undefined): void {
    const { event, topic, atMs } = arrival.hit
    if (topic === 'THUMP') this.#heartbeats.hear(event, atMs)
    if (!route) return
    const concerned = candidates ?? route.network.ofEvent(event)
    if (concerned.length === 0) return
    const isHidden = isBackground(event)
    const isTimed = this.#meter.nextIsTimed()
    const isBehind = this.#behind.has(topic)
    for (const index of concerned) {
      const runtime = route.runtimes[index] as RuleRuntime
      // A rule that hears its own alerts would never fall silent.
      if (topic === 'THUMP' && fieldValue(event, ['thump', 'alert', 'rule']) === runtime.rule.id) continue
      if (isHidden && !asksForBackground(runtime.rule)) continue
      if (isBehind && runtime.cost.isOverShare) {
        this.#options.counts.skipped(runtime.rule.id, 'over-share')
      } else if (isTimed) this.#meter.time(runtime.cost, () => runtime.take(arrival))
      else runtime.take(arrival)
    }
    this.#composites.tell(this.#nowMs)
  }

  caughtUp(topic: TopicName, partition: number, wallMs: number): void {
    this.#clocks.caughtUp(topic, partition, wallMs)
  }

  settle(nowMs: number): void {
    this.#nowMs = nowMs
    this.#settledMs = nowMs
    if (nowMs - this.#keptHouseMs >= keepHouseEveryMs) this.#keepHouse(nowMs)
    for (const runtime of this.#runtimes.values()) {
      if (runtime.rule.spec.kind === 'composite' || !runtime.mayDecide()) continue
      runtime.advance(runtime.watermarkMs(), nowMs)
    }
    this.#composites.tell(nowMs)
    this.#composites.advance(nowMs)
  }

  #keepHouse(nowMs: number): void {
    this.#keptHouseMs = nowMs
    const runtimes = [...this.#runtimes.values()]
    for (const runtime of runtimes) runtime.keepHouse(nowMs)
    this.#meter.judge(runtimes.map(({ cost }) => cost))
    const isBehind = (topic: TopicName) => this.#clocks.isBehind([topic], nowMs, this.#options.allowedLatenessMs)
    this.#behind = new Set([...this.#routes.keys()].filter(isBehind))
  }

  closeAlert(alertId: string, nowMs: number): boolean {
    this.#nowMs = nowMs
    const isClosed = [...this.#runtimes.values()].some((runtime) => runtime.closeAlert(alertId, nowMs))
    if (isClosed) this.#composites.tell(nowMs)
    return isClosed
  }

  hasTransitions(): boolean {
    return this.#changes.hasTransitions
  }

  changes(): ChangeSet {
    for (const runtime of this.#counted) runtime.tellCounts()
    this.#counted.clear()
    const positions = this.#positions.take((topic, partition) => this.#clocks.clockOf(topic, partition))
    return { ...this.#changes.take(), positions, heartbeats: this.#heartbeats.take() }
  }

  stateOf(ruleId: string, key: readonly KeyValue[]): KeyState | undefined {
    return this.#runtimes.get(ruleId)?.stateOf(key)
  }

  status(): readonly RuleStatus[] {
    return [...this.#runtimes.values()].map((runtime) => {
      const watermarkMs = runtime.watermarkMs()
      return {
        rule: runtime.rule,
        keys: runtime.keyCount,
        watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : undefined,
      }
    })
  }
}
