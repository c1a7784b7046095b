import { UnavailableError } from '../runtime/errors.ts'
import { LateError, within } from '../runtime/within.ts'

const patienceMs = 30_000
const never = new AbortController().signal

/** Half a minute for what a server is asked once; a server that says nothing is told as one that is away. */
export async function withPatience(server: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  try {
    await within(patienceMs, never, work)
  } catch (cause) {
    if (cause instanceof LateError)
      throw new UnavailableError(server, new Error(`no answer within ${patienceMs / 1000} s`))
    throw cause
  }
}
