/** Samples of one key in the order of their own times; equal times keep the order they were read in. */
export interface Samples {
  times: number[]
  /** One a sample; absent where all that counts is that it happened. */
  values?: unknown[]
}

export const maxSamples = 100_000

/** How many samples are at or before `atMs`. */
export function upTo(times: readonly number[], atMs: number): number {
  let low = 0
  let high = times.length
  // The newest are asked for most.
  if (high === 0 || (times[high - 1] as number) <= atMs) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((times[middle] as number) <= atMs) low = middle + 1
    else high = middle
  }
  return low
}

export function insertSample(samples: Samples, atMs: number, value: unknown): void {
  const { times, values } = samples
  if (times.length === 0) {
    // Of a million keys most hold one: a list made with it has room for no more, one that is added to has for many.
    samples.times = [atMs]
    if (values) samples.values = [value]
  } else if (atMs >= (times[times.length - 1] as number)) {
    times.push(atMs)
    values?.push(value)
  } else {
    const at = upTo(times, atMs)
    times.splice(at, 0, atMs)
    values?.splice(at, 0, value)
  }
}

/** Forgets samples at or before `atMs`; in large steps, so that a busy key does not move its window for each event. */
export function pruneSamples({ times, values }: Samples, atMs: number): void {
  const gone = upTo(times, atMs)
  if (gone === 0 || (gone < 64 && gone < times.length)) return
  times.splice(0, gone)
  values?.splice(0, gone)
}

/** Index range of the half-open window (untilMs - withinMs, untilMs]. */
export function windowOf(times: readonly number[], untilMs: number, withinMs: number): { from: number; to: number } {
  return { from: upTo(times, untilMs - withinMs), to: upTo(times, untilMs) }
}
