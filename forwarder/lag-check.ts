import type { PartitionLag } from '../transport/transport.ts'

/** So long may nothing be settled while something waits. */
const stuckMs = 60_000

/** Is the forwarder as far as it should be? Behind is in bounds as long as it gets on. Pure. */
export class LagCheck {
  #settled = 0
  #movedAtMs: number

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs
  }

  /** `settled` counts the records that were ever settled, `unsettled` those that were read and are not settled yet. */
  ask(
    { lags, unsettled, settled }: { lags: readonly PartitionLag[]; unsettled: number; settled: number },
    nowMs: number,
  ): { ok: boolean; detail: string } {
    const records = lags.reduce((sum, lag) => sum + lag.records, 0)
    if (settled !== this.#settled || records + unsettled === 0) this.#movedAtMs = nowMs
    this.#settled = settled
    if (records + unsettled === 0) return { ok: true, detail: 'nothing waits' }
    const where = [...furthest(lags, records), ...(unsettled > 0 ? [`${unsettled} read and not settled`] : [])].join(
      ', ',
    )
    const quietMs = nowMs - this.#movedAtMs
    if (quietMs < stuckMs) return { ok: true, detail: where }
    return { ok: false, detail: `${where}; none was settled for ${Math.round(quietMs / 1000)} s` }
  }
}

function furthest(lags: readonly PartitionLag[], records: number): string[] {
  const [first] = lags.toSorted((a, b) => b.records - a.records)
  if (!first || records === 0) return []
  return [`${records} records behind, ${first.records} of them in ${first.topic} ${first.partition}`]
}
