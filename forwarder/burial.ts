import { backoffMs, sleep } from '../runtime/retry.ts'
import type { Producer } from '../transport/transport.ts'
import { deadLetter } from './read-record.ts'
import type { ForwarderTelemetry } from './telemetry.ts'
import type { Work } from './work-queue.ts'

export interface BurialDeps {
  readonly producer: Producer
  readonly telemetry: ForwarderTelemetry
  /** These lie in DEADLETTER. */
  readonly onBuried: (works: readonly Work[]) => void
}

/** What the store will never take, and why. */
export interface Refused {
  readonly work: Work
  readonly reason: string
  readonly error: string
}

const backoff = { baseMs: 200, maxMs: 30_000 }

/**
 * Sends to DEADLETTER until all of it lies there. A letter that the topic will not have is not let go of: the topic is an
 * operator's to mend, and reading waits. Rejects only with the signal's reason.
 */
export async function bury(refused: readonly Refused[], deps: BurialDeps, signal: AbortSignal): Promise<void> {
  let left = refused
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt > 1) await sleep(backoffMs(backoff, attempt - 2, Math.random()), signal)
    // Of a letter that is too large, only the first part of its value goes.
    left = await send(left, attempt === 0, deps, signal)
  }
}

/** Answers with those that were not taken. */
async function send(
  refused: readonly Refused[],
  isWhole: boolean,
  { producer, telemetry, onBuried }: BurialDeps,
  signal: AbortSignal,
): Promise<readonly Refused[]> {
  const letters = refused.map(({ work, reason, error }) => deadLetter(work, reason, error, isWhole))
  const { rejected } = await producer.send(letters, signal)
  const again = new Map(rejected.map((one) => [one.index, one]))
  const buried: Work[] = []
  for (const [index, { work, reason, error }] of refused.entries()) {
    const rejection = again.get(index)
    if (rejection) telemetry.unburied(rejection.reason, rejection.error)
    else {
      telemetry.deadLettered(reason, error, work.record.headers['id'])
      buried.push(work)
    }
  }
  if (buried.length > 0) onBuried(buried)
  return refused.filter((_, index) => again.has(index))
}
