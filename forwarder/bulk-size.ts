/** How large a write may be; shrinks at once when the store pushes back, grows slowly again. */
export interface BulkSize {
  readonly documents: number
}

const least = 50
const most = 2000
const step = 100

/** Bytes that no write exceeds by more than one record. */
export const maxBulkBytes = 4 * 2 ** 20

export const initialBulkSize: BulkSize = { documents: 1000 }

/** Additive increase, multiplicative decrease, as TCP does it. */
export function nextBulkSize({ documents }: BulkSize, wasPushedBack: boolean): BulkSize {
  return { documents: wasPushedBack ? Math.max(least, Math.floor(documents / 2)) : Math.min(most, documents + step) }
}
