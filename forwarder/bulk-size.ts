/** How large a write may be; shrinks when the store pushes back or is slow, grows slowly again. */
export interface BulkSize {
  readonly documents: number
}

/** What came of a write of the size it had. */
export interface BulkResult {
  readonly documents: number
  readonly tookMs: number
  /** Something in it was refused for now. */
  readonly wasPushedBack: boolean
}

const least = 50
/** What waits for its answer is held in memory, once as it was read and once as it is sent. */
const most = 4000
const step = 500
/** Beyond it a larger bulk makes nothing faster, but all of it is written again when its answer is lost. */
const slowMs = 3000

/** Bytes that no write exceeds by more than one record. */
export const maxBulkBytes = 3 * 2 ** 20

export const initialBulkSize: BulkSize = { documents: 2000 }

/** Additive increase, multiplicative decrease, as TCP does it; a write that was not full says nothing about a larger one. */
export function nextBulkSize({ documents }: BulkSize, result: BulkResult): BulkSize {
  if (result.wasPushedBack) return { documents: Math.max(least, Math.floor(documents / 2)) }
  if (result.tookMs > slowMs) return { documents: Math.max(least, Math.floor(documents * 0.75)) }
  return { documents: result.documents < documents ? documents : Math.min(most, documents + step) }
}
