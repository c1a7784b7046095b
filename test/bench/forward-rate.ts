/** How many documents were stored at a moment of the monotonic clock. */
export interface Progress {
  readonly ms: number
  readonly documents: number
}

/** Of all documents: before the first of these marks a run begins, after the second it ends. */
export const marks = [0.1, 0.9] as const

/**
 * Documents a second between the first answer that brings a tenth of the total and the first that brings nine. From the
 * first answer on would flatter large bulks: of those that began together, all but one would come in no time. At both
 * marks as much is under way, and half done.
 */
export function steadyRate(points: readonly Progress[], total: number): number {
  const [from, to] = marks.map((mark) => points.find(({ documents }) => documents >= total * mark))
  if (!from || !to || from === to) throw new Error(`too few answers for a rate: ${points.length}`)
  return ((to.documents - from.documents) * 1000) / (to.ms - from.ms)
}
