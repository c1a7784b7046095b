/** What decoding a line as UTF-8 gave. */
export interface DecodedText {
  readonly text: string
  readonly isInvalid: boolean
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes that are no UTF-8 become U+FFFD, and are told. */
export function decodeText(bytes: Buffer, start: number, end: number): DecodedText {
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0) < 0x80) continue
    try {
      return { text: strict.decode(bytes.subarray(start, end)), isInvalid: false }
    } catch {
      return { text: bytes.toString('utf8', start, end), isInvalid: true }
    }
  }
  return { text: bytes.toString('latin1', start, end), isInvalid: false }
}
