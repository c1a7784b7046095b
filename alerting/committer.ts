import { retryForever } from '../runtime/retry.ts'
import type { ChangeSet } from './engine/changes.ts'
import { isEmpty } from './engine/changes.ts'
import type { Engine } from './engine/engine.ts'
import { saveChanges } from './state/engine-store.ts'
import type { StateDatabase } from './state/database.ts'
import type { AlertingTelemetry } from './telemetry.ts'

const backoff = { baseMs: 200, maxMs: 10_000 }

/**
 * Writes the engine's changes, one set after the other, each until it is written: the engine runs ahead of the disk by at
 * most one set, and nobody is told of anything that is not on the disk.
 */
export class Committer {
  readonly #engine: Engine
  readonly #db: StateDatabase
  readonly #telemetry: AlertingTelemetry
  readonly #onCommitted: (changes: ChangeSet) => void
  readonly #signal: AbortSignal
  #chain: Promise<void> = Promise.resolve()
  #isFailing = false

  constructor(deps: {
    engine: Engine
    db: StateDatabase
    telemetry: AlertingTelemetry
    onCommitted: (changes: ChangeSet) => void
    signal: AbortSignal
  }) {
    this.#engine = deps.engine
    this.#db = deps.db
    this.#telemetry = deps.telemetry
    this.#onCommitted = deps.onCommitted
    this.#signal = deps.signal
  }

  /** While true, reading should wait for `commit`. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /** Resolves when all that is decided by now is written; rejects only when stopped before that. */
  commit(): Promise<void> {
    const written = this.#chain.then(() => this.#write())
    this.#chain = written.catch(() => {})
    return written
  }

  async #write(): Promise<void> {
    this.#signal.throwIfAborted()
    const changes = this.#engine.changes()
    if (isEmpty(changes)) return
    await retryForever(async () => saveChanges(this.#db, changes), backoff, this.#signal, {
      onFailure: (error, attempt) => {
        this.#isFailing = true
        this.#telemetry.commitFailed(error, attempt)
      },
      onRecovered: (attempts) => this.#telemetry.committed(attempts),
    })
    this.#isFailing = false
    for (const { kind, record } of changes.transitions) if (kind === 'firing') this.#telemetry.fired(record.ruleId)
    this.#onCommitted(changes)
  }
}
