import type { Framed } from '../../parse/formats/framing.ts'

const names = ['multiline', 'truncated', 'partial', 'continued', 'invalid-utf8'] as const
const [multiline, truncated, partial, continued, invalid] = [1, 2, 4, 8, 16]

/** Each set of flags once. */
const sets = Array.from({ length: 32 }, (_, bits) => names.filter((_, index) => (bits & (1 << index)) !== 0))
const asJson = new Map<readonly string[], string>(sets.map((set) => [set, JSON.stringify(set)]))

/** `log.flags` of a record. `isCut`: its event would have been too large. */
export function flagsOf(framed: Framed, isInvalid: boolean, isCut: boolean): readonly string[] {
  const { texts, kind, isTruncated, isPartial, isContinued } = framed
  const isMultiline = texts.length > (kind === 'report' ? 4 : 2)
  const bits =
    (isMultiline ? multiline : 0) |
    (isTruncated || isCut ? truncated : 0) |
    (isPartial ? partial : 0) |
    (isContinued ? continued : 0) |
    (isInvalid ? invalid : 0)
  return sets[bits] as readonly string[]
}

/** Of what flagsOf returned. */
export const flagsJson = (flags: readonly string[]): string => asJson.get(flags) ?? JSON.stringify(flags)
