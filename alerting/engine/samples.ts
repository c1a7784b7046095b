/** Samples of one key in the order of their own times; equal times keep the order they were read in. */
export interface Samples {
  readonly times: number[]
  readonly ids: string[]
  readonly values: unknown[]
}

export const maxSamples = 100_000

export function emptySamples(): Samples {
  return { times: [], ids: [], values: [] }
}

/** How many samples are at or before `atMs`. */
export function upTo(times: readonly number[], atMs: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((times[middle] as number) <= atMs) low = middle + 1
    else high = middle
  }
  return low
}

export function insertSample(samples: Samples, atMs: number, id: string, value: unknown): void {
  const { times, ids, values } = samples
  if (times.length === 0 || atMs >= (times[times.length - 1] as number)) {
    times.push(atMs)
    ids.push(id)
    values.push(value)
    return
  }
  const at = upTo(times, atMs)
  times.splice(at, 0, atMs)
  ids.splice(at, 0, id)
  values.splice(at, 0, value)
}

/** Forgets samples at or before `atMs`; in large steps, so that a busy key does not move its window for each event. */
export function pruneSamples(samples: Samples, atMs: number): void {
  const gone = upTo(samples.times, atMs)
  if (gone === 0 || (gone < 64 && gone < samples.times.length)) return
  samples.times.splice(0, gone)
  samples.ids.splice(0, gone)
  samples.values.splice(0, gone)
}

/** Index range of the half-open window (untilMs - withinMs, untilMs]. */
export function windowOf(times: readonly number[], untilMs: number, withinMs: number): { from: number; to: number } {
  return { from: upTo(times, untilMs - withinMs), to: upTo(times, untilMs) }
}
