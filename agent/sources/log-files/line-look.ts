import { createPairScan, type Watch } from '../../parse/formats/pair-scan.ts'

/** What a look at a record's bytes found: the rest is spared what the answer is no to. */
export const mayRecognise = 1
export const mayMask = 2

/** One pass over a record's bytes, prefix aside. */
export type LineLook = (bytes: Uint8Array, start: number, end: number) => number

/** What a redactor watches for, and what it asks where that is not there. */
export interface MaskWatch {
  readonly watch: Watch
  readonly rest: ((bytes: Uint8Array, start: number, end: number) => boolean) | undefined
}

export function createLineLook(recognition: Watch, { watch, rest }: MaskWatch): LineLook {
  const scan = createPairScan([recognition, watch])
  if (!rest) return scan
  return (bytes, start, end) => {
    const found = scan(bytes, start, end)
    return (found & mayMask) === 0 && rest(bytes, start, end) ? found | mayMask : found
  }
}
