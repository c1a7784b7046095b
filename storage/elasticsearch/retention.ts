import { dayOfIndex, indexPatterns } from './index-name.ts'
import type { Requests } from './requests.ts'

const dayMs = 86_400_000

/** Which of these indices hold nothing younger than the retention. The undated, and what is not ours, stay. */
export function expired(indices: readonly string[], prefix: string, nowMs: number, retentionMs: number): string[] {
  return indices.filter((index) => {
    const day = dayOfIndex(prefix, index)
    return day !== undefined && day + dayMs <= nowMs - retentionMs
  })
}

/** Deletes the indices of days beyond the retention; returns their names. */
export async function deleteExpired(
  requests: Requests,
  { prefix, nowMs, retentionMs }: { prefix: string; nowMs: number; retentionMs: number },
  signal: AbortSignal,
): Promise<string[]> {
  const path = `/${indexPatterns(prefix).join(',')}/_alias`
  const querystring = { allow_no_indices: true, ignore_unavailable: true }
  const found = await requests.send<Record<string, unknown>>('retention', { method: 'GET', path, querystring }, signal)
  const old = expired(Object.keys(found), prefix, nowMs, retentionMs)
  for (const index of old) {
    // Another forwarder may have been first.
    const missing = { ignore_unavailable: true }
    await requests.send('retention', { method: 'DELETE', path: `/${index}`, querystring: missing }, signal)
  }
  return old
}
