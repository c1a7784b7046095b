import { once } from 'node:events'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { Metrics } from '../../../runtime/metrics.ts'
import { sleep } from '../../../runtime/retry.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import type { AmqpOptions } from '../../broker/connection.ts'
import type { ManagementAccount } from '../../broker/management.ts'
import { selfEvent, type SelfReport } from '../../self-events.ts'
import type { Emit, Identity, Source, SourceStatus } from '../../source.ts'
import { type BodyOptions, createBodyDescriber, type Mask } from './body.ts'
import { createCoverageMeter } from './coverage-meter.ts'
import { coverageReport } from './coverage-report.ts'
import { traceCommand } from './diagnosis.ts'
import { advanceGuard, type GuardState, openState, type Reading, restOf } from './guard.ts'
import { createRateLimit } from './rate-limit.ts'
import { createLane, type Lane } from './lane.ts'
import { maxQueueLength } from './queue.ts'
import { type LaneDeps, runLane } from './run-lane.ts'
import type { Tally } from './tally.ts'
import { createFirehoseTelemetry } from './telemetry.ts'
import type { SwitchedOn } from './switched.ts'
import { createTracingKeeper } from './tracing.ts'
import { refusalOf } from './version-gate.ts'
import { type BrokerView, createWatcher, type VhostView } from './watcher.ts'

export interface FirehoseDeps {
  readonly amqp: AmqpOptions
  readonly firehose: {
    readonly vhosts: readonly string[]
    readonly publish: readonly string[]
    readonly deliver: readonly string[]
    readonly payload: BodyOptions['payload']
    readonly payloadBytes: number
    /** Events a second that are handed on, of all vhosts together. */
    readonly maxRate: number
    readonly stopWhen: { readonly memory: number }
  }
  /** Reads the broker's memory and counters; absent, the firehose runs without looking at them, and says so. */
  readonly management?: ManagementAccount | undefined
  /** An administrator, used only to switch tracing. */
  readonly tracing?: ManagementAccount | undefined
  readonly switchedOn: SwitchedOn
  readonly hmacKey: Uint8Array
  readonly mask: Mask
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly now: Clock
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
  readonly lookEveryMs?: number
}

/** Beyond this multiple of what is handed on, sampling no longer helps: tracing costs the broker what we throw away. */
const spareFactor = 5
/** Of one core. */
const maxCpu = 0.8
const reportEveryMs = 60_000
/** What is in hand at the end may still arrive. */
const lastWordMs = 3000

/**
 * Consumes `amq.rabbitmq.trace` of each vhost: best effort by the broker's own design, never at its expense. Each vhost
 * is connecting → consuming → (broken) → backoff → connecting; a guard over all of them stops every one when the broker
 * is in need, and lets them begin again.
 */
export function createFirehoseSource(deps: FirehoseDeps): Source {
  return {
    name: 'firehose',
    start: () => {
      const firehose = new Firehose(deps)
      const running = firehose.run()
      const stop = async () => {
        firehose.stopping.abort(new Error('stopping'))
        await firehose.settle()
        await running
      }
      const started: Started<SourceStatus> = { value: firehose, stop }
      return Promise.resolve(started)
    },
  }
}

class Firehose implements SourceStatus {
  readonly stopping = new AbortController()
  /** Later than `stopping`: what was read is given a moment to arrive. */
  readonly #givingUp = new AbortController()
  readonly #deps: FirehoseDeps
  readonly #telemetry
  readonly #watcher
  readonly #tracing
  readonly #lanes: readonly Lane[]
  readonly #limit
  readonly #describeBody
  #guard: GuardState
  /** Aborted when the guard stops everything; a new one when it opens. */
  #gate = new AbortController()
  readonly #looks = new EventTarget()
  /** Not before the first look: a broker in need is left alone from the beginning. */
  #hasLooked = false
  #sequence = 0
  #lastReportMs: number

  constructor(deps: FirehoseDeps) {
    this.#deps = deps
    this.#telemetry = createFirehoseTelemetry(deps)
    this.#watcher = deps.management && createWatcher(deps.management, deps.identity)
    this.#limit = createRateLimit(deps.firehose.maxRate)
    this.#describeBody = createBodyDescriber({ ...deps.firehose, hmacKey: deps.hmacKey, mask: deps.mask })
    this.#guard = openState(deps.now())
    this.#lastReportMs = deps.now()
    this.#lanes = deps.firehose.vhosts.map((vhost) => createLane(vhost, (tally) => this.#meterOf(vhost, tally)))
    this.#tracing = createTracingKeeper({ ...deps, telemetry: this.#telemetry, tell: (report) => this.#tell(report) })
    if (!this.#watcher)
      this.#telemetry.log.warn("the broker's memory is not watched: name a user in agent.resources to stop in time")
  }

  #meterOf(vhost: string, tally: Tally) {
    const { management: account, firehose: bindings } = this.#deps
    return account && createCoverageMeter({ account, vhost, bindings, tally })
  }

  /** Waits for what is in hand, a moment at most; the rest is dropped and counted. */
  async settle(): Promise<void> {
    const late = AbortSignal.timeout(lastWordMs)
    await Promise.race([Promise.all(this.#lanes.map(({ handedOn }) => handedOn)), once(late, 'abort')])
    this.#givingUp.abort(new Error('stopping'))
  }

  ready(): { ok: boolean; detail?: string } {
    if (this.#guard.phase === 'stopped')
      return { ok: false, detail: `stopped for the broker's safety: ${this.#guard.reason}` }
    const detail = this.#lanes
      .map((lane) => lane.detail ?? this.#tracingDetail(lane))
      .find((text) => text !== undefined)
    return detail === undefined ? { ok: true } : { ok: false, detail }
  }

  #tracingDetail({ isTracing, vhost }: Lane): string | undefined {
    return isTracing === false ? `tracing is off: run ${traceCommand('trace_on', vhost)}` : undefined
  }

  async run(): Promise<void> {
    await Promise.all([this.#look(), ...this.#lanes.map((lane) => runLane(this.#laneDeps(), lane))])
    await this.#tracing.restore(AbortSignal.timeout(3000))
  }

  #laneDeps(): LaneDeps {
    return {
      ...this.#deps,
      bindings: this.#deps.firehose,
      telemetry: this.#telemetry,
      watcher: this.#watcher,
      describeBody: this.#describeBody,
      mayPass: (nowMs) => this.#limit.take(nowMs),
      nextSequence: () => this.#sequence++,
      fillEveryMs: this.#lookEveryMs,
      untilOpen: () => this.#untilOpen(),
      gate: () => this.#gate.signal,
      stopping: this.stopping.signal,
      givingUp: this.#givingUp.signal,
    }
  }

  get #lookEveryMs(): number {
    return this.#deps.lookEveryMs ?? 5000
  }

  /** The guard's loop: a look, a decision, and what follows from it. */
  async #look(): Promise<void> {
    const { signal } = this.stopping
    let hasSeen = false
    let last = this.#effort()
    while (!signal.aborted) {
      const view = await this.#watcher?.broker(signal).catch(() => undefined)
      hasSeen ||= view !== undefined
      const effort = this.#effort()
      const seconds = Math.max(0.001, (effort.atMs - last.atMs) / 1000)
      this.#decide({
        atMs: effort.atMs,
        ...view,
        isBlind: hasSeen && view === undefined,
        rate: (effort.received - last.received) / seconds,
        cpu: (effort.cpuS - last.cpuS) / seconds,
        fill: Math.max(...this.#lanes.map(({ tally }) => tally.waiting)) / maxQueueLength,
      })
      last = effort
      this.#hasLooked = true
      this.#looks.dispatchEvent(new Event('look'))
      const vhosts = await this.#watcher?.vhosts(signal).catch(() => undefined)
      for (const lane of this.#lanes) {
        const seen = vhosts?.get(lane.vhost)
        if (seen) await this.#lookAt(lane, seen, view).catch(() => {})
        await this.#measure(lane, seen)
      }
      this.#report()
      await sleep(this.#lookEveryMs, signal).catch(() => {})
    }
  }

  /** Resolves when the guard is open, or when stopping. */
  async #untilOpen(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted && !(this.#hasLooked && this.#guard.phase === 'open'))
      await once(this.#looks, 'look', { signal }).catch(() => {})
  }

  #effort() {
    const { user, system } = process.cpuUsage()
    const received = this.#lanes.reduce((sum, { tally }) => sum + tally.received, 0)
    return { atMs: this.#deps.now(), received, cpuS: (user + system) / 1e6 }
  }

  #decide(reading: Reading): void {
    const { maxRate, stopWhen } = this.#deps.firehose
    const before = this.#guard
    this.#guard = advanceGuard(before, reading, { memory: stopWhen.memory, rate: maxRate * spareFactor, cpu: maxCpu })
    const { phase, reason } = this.#guard
    if (phase === before.phase) return
    if (phase === 'stopped' && reason) {
      this.#gate.abort(new Error(`stopped for safety: ${reason}`))
      const { memory, rate, cpu, fill } = reading
      const facts = { memory, rate, cpu, fill, restMs: restOf(this.#guard) }
      this.#telemetry.stopped(reason, facts)
      const commands = this.#tracing.canSwitch ? [] : this.#lanes.map(({ vhost }) => traceCommand('trace_off', vhost))
      const advice = commands.length > 0 ? `; tracing itself still costs the broker, run: ${commands.join('; ')}` : ''
      this.#tell({
        action: 'firehose.stopped',
        outcome: 'failure',
        message: `firehose stopped for the broker's safety: ${reason}${advice}`,
        fields: JSON.parse(JSON.stringify({ reason, ...facts })),
      })
      const tracing = this.#lanes.filter(({ isTracing }) => isTracing)
      void this.#tracing.pause(tracing, this.stopping.signal)
      return
    }
    this.#gate = new AbortController()
    this.#telemetry.opened()
    this.#tell({ action: 'firehose.resumed', outcome: 'success', message: 'firehose runs again' })
  }

  async #lookAt(lane: Lane, { isTracing }: VhostView, view: BrokerView | undefined): Promise<void> {
    // While it is stopped for safety, tracing is better off.
    if (!isTracing && this.#guard.phase !== 'open') return
    // Where tracing crashes channels it must not be switched on, nor asked for.
    const { signal } = this.stopping
    if (!isTracing && refusalOf(await this.#watcher?.version(signal), lane.vhost) !== undefined) return
    await this.#tracing.saw(lane, isTracing, view?.uptimeMs, signal)
  }

  async #measure(lane: Lane, view: VhostView | undefined): Promise<void> {
    const { meter, isClustered, vhost } = lane
    const isConsuming = lane.detail === undefined && lane.isTracing !== false
    if (!meter) return
    // Where nobody answers, `measured` says so.
    await meter.look({ atMs: this.#deps.now(), isConsuming, isClustered, view }, this.stopping.signal).catch(() => {})
    this.#telemetry.measured(vhost, meter.measured())
  }

  #report(): void {
    const { now } = this.#deps
    if (now() - this.#lastReportMs < reportEveryMs) return
    this.#lastReportMs = now()
    for (const { vhost, meter, tally } of this.#lanes) {
      this.#tell(coverageReport(vhost, tally, meter))
    }
  }

  #tell(report: SelfReport): void {
    const { identity, emit, now } = this.#deps
    const { signal } = this.stopping
    emit.events([selfEvent(identity, now(), report)], signal).catch((err: unknown) => {
      if (!signal.aborted) this.#telemetry.log.error({ err }, 'self-event not sent')
    })
  }
}
