import { setImmediate } from 'node:timers/promises'
import { type Backoff, backoffMs } from '../../runtime/retry.ts'
import type { StateDatabase } from '../state/database.ts'
import type { Answer, Channel } from './channel.ts'
import { composeNotice, episodesOf } from './compose.ts'
import type { DeadChannels } from './dead-channel.ts'
import type { Deliveries, Delivery } from './deliveries.ts'
import { answerOfFailure } from './http.ts'
import { createGroups } from './groups.ts'
import type { Notice } from './notice.ts'
import type { Picker } from './picker.ts'
import type { Related } from './related.ts'
import type { Settler } from './settle.ts'
import type { Telemetry } from './telemetry.ts'

export interface WorkerDeps {
  readonly db: StateDatabase
  readonly name: string
  readonly channel: Channel
  readonly deliveries: Deliveries
  readonly picker: Picker
  readonly settler: Settler
  readonly deadChannels: DeadChannels
  readonly related: Related
  readonly telemetry: Telemetry
  readonly now: () => number
  /** Monotonic ms. */
  readonly monotonic: () => number
  /** Called after each answer: it may have changed what is due. */
  readonly onSettled: () => void
}

const backoff: Backoff = { baseMs: 500, maxMs: 60_000 }
/** Failing for so long, a channel is dead: the others tell it. */
const deadAfterMs = 300_000
/** The longest nap: clocks may be set, and nothing is lost by looking again. */
const longestNapMs = 5000

/**
 * Sends one channel's deliveries, one at a time: a channel that fails or is slow delays no other. After a failure the
 * channel rests, and the delivery itself rests longer each time, so that one poisoned message does not block the rest.
 */
export class ChannelWorker {
  readonly #deps: WorkerDeps
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>
  #wake: () => void = () => {}
  #isWoken = false
  #isNapping = false
  #failures = 0
  #failingSinceMs: number | undefined
  #pausedUntil = 0
  #isDead: boolean

  constructor(deps: WorkerDeps) {
    this.#deps = deps
    this.#isDead = deps.deadChannels.isRaised(deps.name)
    this.#done = this.#run()
  }

  wake(): void {
    this.#isWoken = true
    this.#isNapping = false
    this.#wake()
  }

  /** Nothing is being sent, and nothing may be sent now. */
  get isIdle(): boolean {
    return this.#isNapping
  }

  /** What is being sent may be answered until `deadline`, then it is broken off and sent again by the next start. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort()
    this.wake()
    const expire = () => this.#breakOff.abort()
    if (deadline.aborted) expire()
    else deadline.addEventListener('abort', expire, { once: true })
    await this.#done
    deadline.removeEventListener('abort', expire)
    await this.#deps.channel.close()
  }

  readonly #breakOff = new AbortController()

  async #run(): Promise<void> {
    // Started in the constructor: nothing happens before it has returned.
    await Promise.resolve()
    while (!this.#stopping.signal.aborted) {
      let napMs = longestNapMs
      try {
        napMs = await this.#step()
      } catch (error) {
        this.#deps.telemetry.broken(error)
      }
      if (napMs > 0) await this.#nap(Math.min(napMs, longestNapMs))
      // Others have their turn even where there is always something to do.
      else await setImmediate()
    }
  }

  /** Sends what may be sent now; returns how long there is nothing to do, in ms. */
  async #step(): Promise<number> {
    const { picker, monotonic, now } = this.#deps
    const pausedMs = this.#pausedUntil - monotonic()
    if (pausedMs > 0) return pausedMs
    const picked = await picker.pick(now(), monotonic())
    if (picked.kind === 'wait') return picked.ms
    await this.#send(picked.delivery)
    return 0
  }

  async #send(delivery: Delivery): Promise<void> {
    const { db, channel, deliveries, telemetry, now, picker, monotonic } = this.#deps
    const composed = composeNotice(db, delivery, channel.showsAtLeast)
    if (!composed) {
      deliveries.settle(delivery.id, 'dropped', 'alert-unknown', now())
      telemetry.count(delivery.channel, 'dropped')
      return
    }
    picker.sent(delivery, monotonic())
    const notice = await this.#withContext(composed)
    const ref = notice.digest ? createGroups(db).refOf(delivery) : refOf(db, delivery)
    const answer = await channel
      .send(notice, {
        signal: this.#breakOff.signal,
        nowMs: now(),
        ...(ref !== undefined && { ref }),
        ...(delivery.progress !== null && { progress: delivery.progress }),
      })
      .catch(answerOfFailure)
    if (answer.kind !== 'ok' && this.#breakOff.signal.aborted) return
    this.#settle(delivery, notice, answer)
    this.#deps.onSettled()
  }

  /** What stands around one alert; a digest has enough of its own. */
  async #withContext(notice: Notice): Promise<Notice> {
    const { db, related, now } = this.#deps
    if (notice.digest) return notice
    const [alert] = notice.alerts
    return { ...notice, context: { ...(await related.of(alert)), episodes: episodesOf(db, alert, now()) } }
  }

  #settle(delivery: Delivery, notice: Notice, answer: Answer): void {
    const { settler, telemetry, now, name, channel, deliveries } = this.#deps
    const nowMs = now()
    switch (answer.kind) {
      case 'ok':
        settler.delivered(delivery, notice, answer, channel.resendMs ?? null, nowMs)
        telemetry.delivered(delivery, nowMs)
        this.#works(nowMs)
        return
      case 'permanent':
        settler.rejected(delivery, notice, answer.detail, nowMs)
        telemetry.rejected(delivery, answer.detail)
        // It answers: others may go on; yet somebody was not told, and must know.
        this.#failures = 0
        this.#failingSinceMs = undefined
        this.#declareDead(answer.detail, nowMs, nowMs)
        return
      default:
        deliveries.failed(delivery.id, answer.detail, answer.kind === 'retry' ? answer.progress : undefined)
        telemetry.count(name, 'retry')
        this.#fails(delivery, answer, nowMs)
    }
  }

  #works(nowMs: number): void {
    const { telemetry, name, deadChannels, picker } = this.#deps
    if (this.#failures > 0) {
      telemetry.recovered(name, this.#failures)
      picker.forgive(this.#deps.monotonic())
    }
    this.#failures = 0
    this.#failingSinceMs = undefined
    if (!this.#isDead) return
    this.#isDead = false
    deadChannels.resolve(name, nowMs)
  }

  #fails(delivery: Delivery, answer: Extract<Answer, { detail: string; reason: string }>, nowMs: number): void {
    const { telemetry, name, picker, monotonic } = this.#deps
    if (this.#failures++ === 0) telemetry.failing(name, answer.detail)
    this.#failingSinceMs ??= nowMs
    const toldMs = answer.kind === 'retryAfter' ? answer.afterMs : 0
    this.#pausedUntil = monotonic() + Math.max(toldMs, backoffMs(backoff, this.#failures - 1, Math.random()))
    picker.rest(
      delivery,
      Math.max(this.#pausedUntil, monotonic() + backoffMs(backoff, delivery.attempts, Math.random())),
    )
    if (nowMs - this.#failingSinceMs >= deadAfterMs) this.#declareDead(answer.detail, this.#failingSinceMs, nowMs)
  }

  #declareDead(detail: string, sinceMs: number, nowMs: number): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#deps.deadChannels.raise(this.#deps.name, detail, sinceMs, nowMs)
  }

  async #nap(ms: number): Promise<void> {
    if (!this.#isWoken) {
      this.#isNapping = true
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = () => {}
    }
    this.#isNapping = false
    this.#isWoken = false
  }
}

function refOf(db: StateDatabase, { alert_id, channel }: Delivery): string | undefined {
  const row = db.prepare('SELECT ref FROM notify_told WHERE alert_id = ? AND channel = ?').get(alert_id, channel)
  return (row as { ref: string | null } | undefined)?.ref ?? undefined
}
