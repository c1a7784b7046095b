import type { Logger } from '../../runtime/log.ts'
import { backoffMs, sleep } from '../../runtime/retry.ts'
import type { PartitionLog } from './partition-log.ts'
import type { FrameInput } from './segment-format.ts'

interface Waiting {
  readonly log: PartitionLog
  readonly records: readonly FrameInput[]
  readonly done: PromiseWithResolvers<void>
}

export interface GroupWriterDeps {
  readonly log: Logger
  /** Called after records of a partition became durable. */
  readonly onDurable: (partition: PartitionLog) => void
  /** Must be true for writing to go on: false while what nobody has read fills the log. */
  readonly hasRoom: () => boolean
}

const backoff = { baseMs: 100, maxMs: 5000 }

/**
 * Commits by group: while one round is written and synced, all that comes waits together for the next. A full disk, or a
 * full log, pauses writing, is told once, and ends by itself.
 */
export class GroupWriter {
  readonly #deps: GroupWriterDeps
  readonly #stopping = new AbortController()
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #failures = 0

  constructor(deps: GroupWriterDeps) {
    this.#deps = deps
  }

  /** Resolves when the records are on disk; rejects only when the writer is stopped before that. */
  write(log: PartitionLog, records: readonly FrameInput[]): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ log, records, done })
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
    return done.promise
  }

  get isWriting(): boolean {
    return this.#failures === 0
  }

  /** Finishes what waits, unless the disk does not take it. */
  async stop(): Promise<void> {
    if (this.#failures > 0) this.#stopping.abort(new Error('the log is stopping'))
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const round = this.#waiting
      this.#waiting = []
      const partitions = Map.groupBy(round, ({ log }) => log)
      await Promise.all([...partitions].map(([log, waiting]) => this.#append(log, waiting)))
    }
  }

  async #append(log: PartitionLog, waiting: readonly Waiting[]): Promise<void> {
    const records = waiting.flatMap((one) => one.records)
    for (let attempt = 0; ; attempt++) {
      try {
        if (!this.#deps.hasRoom()) throw new Error('the log is full of records that a consumer has not read yet')
        await log.append(records)
        this.#recovered()
        break
      } catch (error) {
        if (this.#failures++ === 0)
          this.#deps.log.error({ err: error, dir: log.dir }, 'log cannot be written: sources pause, nothing is lost')
        const isStopped = await sleep(backoffMs(backoff, attempt, Math.random()), this.#stopping.signal).then(
          () => false,
          () => true,
        )
        if (isStopped) {
          for (const { done } of waiting) done.reject(this.#stopping.signal.reason)
          return
        }
      }
    }
    this.#deps.onDurable(log)
    for (const { done } of waiting) done.resolve()
  }

  #recovered(): void {
    if (this.#failures > 0) this.#deps.log.info({ failures: this.#failures }, 'log is written again')
    this.#failures = 0
  }
}
