import type { Framed } from '../../parse/formats/framing.ts'

const names = ['multiline', 'truncated', 'partial', 'continued', 'invalid-utf8'] as const
const none: readonly string[] = []

/** `log.flags` of a record. `isCut`: its event would have been too large. */
export function flagsOf(framed: Framed, isInvalid: boolean, isCut: boolean): readonly string[] {
  const { texts, kind, isTruncated, isPartial, isContinued } = framed
  const isMultiline = texts.length > (kind === 'report' ? 4 : 2)
  if (!isMultiline && !isTruncated && !isPartial && !isContinued && !isInvalid && !isCut) return none
  const set = [isMultiline, isTruncated || isCut, isPartial, isContinued, isInvalid]
  return names.filter((_, index) => set[index])
}
