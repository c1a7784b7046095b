import { briefReasonOf } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { backoffMs, sleep } from '../../runtime/retry.ts'
import { moreSignal } from './more-signal.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Holder } from './retention.ts'
import type { FrameInput } from './segment-format.ts'

interface Waiting {
  readonly log: PartitionLog
  readonly records: readonly FrameInput[]
  readonly bytes: number
  readonly done: PromiseWithResolvers<void>
}

export interface GroupWriterDeps {
  readonly log: Logger
  /** Called after records of a partition became durable. */
  readonly onDurable: (partition: PartitionLog) => void
  /** Makes room for so many bytes; who holds the log where it cannot. */
  readonly makeRoom: (bytes: number) => Promise<(Holder & { readonly dir: string }) | undefined>
}

const backoff = { baseMs: 100, maxMs: 500 }

/**
 * Commits by group: while one round is written and synced, all that comes waits together for the next. A full disk, or a
 * full log, pauses writing, is told once, and ends by itself. Retention has its turn between rounds, never within one.
 */
export class GroupWriter {
  readonly #deps: GroupWriterDeps
  readonly #stopping = new AbortController()
  readonly #more = moreSignal()
  #waiting: Waiting[] = []
  #isTidyDue = false
  #running: Promise<void> | undefined
  #failures = 0
  #problem = ''
  #isStopping = false

  constructor(deps: GroupWriterDeps) {
    this.#deps = deps
  }

  /** Resolves when the records, of `bytes` as frames, are on disk; rejects only when the writer is stopped before that. */
  write(log: PartitionLog, records: readonly FrameInput[], bytes: number): Promise<void> {
    if (this.#isStopping) return Promise.reject(stopped())
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ log, records, bytes, done })
    this.#run()
    return done.promise
  }

  /** Retention by age, soon. */
  tidy(): void {
    this.#isTidyDue = !this.#isStopping
    this.#run()
  }

  /** Something was read: a full log may have room now. */
  wake(): void {
    if (this.#failures > 0) this.#more.notify()
  }

  get isWriting(): boolean {
    return this.#failures === 0
  }

  /** Why nothing is written, in one short line; undefined while all is. */
  get problem(): string | undefined {
    return this.isWriting ? undefined : this.#problem
  }

  /** Finishes what waits, unless the disk does not take it. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#failures > 0) this.#stopping.abort(stopped())
    await this.#running
  }

  #run(): void {
    this.#running ??= this.#rounds().finally(() => {
      this.#running = undefined
      if (this.#waiting.length > 0) this.#run()
    })
  }

  async #rounds(): Promise<void> {
    // What is sent in the same turn belongs to the same round.
    await Promise.resolve()
    while (this.#waiting.length > 0 || this.#isTidyDue) {
      const round = this.#waiting
      this.#waiting = []
      this.#isTidyDue = false
      if (round.length === 0) {
        await this.#deps
          .makeRoom(0)
          .catch((err: unknown) => this.#deps.log.warn({ err }, 'old segments are not removed'))
        continue
      }
      const bytes = bytesOf(round)
      const hasRoom = await this.#untilDone({ bytes }, async () => {
        const holder = await this.#deps.makeRoom(bytes)
        if (!holder) return
        throw new Error(`${holder.role} has not read beyond offset ${holder.offset} of ${holder.dir}: the log is full`)
      })
      const partitions = Map.groupBy(round, ({ log }) => log)
      await Promise.all([...partitions].map(([log, waiting]) => this.#append(log, waiting, hasRoom)))
    }
  }

  async #append(log: PartitionLog, waiting: readonly Waiting[], hasRoom: boolean): Promise<void> {
    const records = waiting.length === 1 && waiting[0] ? waiting[0].records : waiting.flatMap((one) => one.records)
    const isDone = hasRoom && (await this.#untilDone({ dir: log.dir }, () => log.append(records, bytesOf(waiting))))
    if (isDone) this.#deps.onDurable(log)
    for (const { done } of waiting) {
      if (isDone) done.resolve()
      else done.reject(stopped())
    }
  }

  /** Tries until it works; false when stopped before that. */
  async #untilDone(fields: object, work: () => Promise<void>): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        await work()
        if (attempt > 0) this.#recovered(attempt)
        return true
      } catch (error) {
        this.#problem = briefReasonOf(error)
        if (attempt === 0 && this.#failures++ === 0)
          this.#deps.log.error({ err: error, ...fields }, 'log cannot be written: sources pause, nothing is lost')
        if (this.#isStopping) this.#stopping.abort(stopped())
        const { signal } = this.#stopping
        const waited = sleep(backoffMs(backoff, attempt, Math.random()), signal).catch(() => {})
        await Promise.race([waited, this.#more.wait(signal)])
        if (signal.aborted) return false
      }
    }
  }

  /** `#failures` counts the partitions that fail at present. */
  #recovered(attempts: number): void {
    this.#failures--
    if (this.#failures === 0) this.#deps.log.info({ attempts }, 'log is written again')
  }
}

const bytesOf = (waiting: readonly Waiting[]) => waiting.reduce((sum, { bytes }) => sum + bytes, 0)
const stopped = () => new Error('the log is stopped')
