export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'latin1'

/** UTF-8 bytes made of another encoding, and where each line began in the file's own bytes. */
export interface Transcoded {
  readonly bytes: Buffer
  /** The position in the source of a line's first byte in `bytes`, or of the end. */
  readonly sourceOf: (position: number) => number
}

/** The encoding that a file's first bytes show; undefined while there are too few to say. */
export function sniff(head: Uint8Array): { encoding: Encoding; bomBytes: number } | undefined {
  const [first, second, third] = head
  if (first === undefined) return undefined
  if (first === 0xff) return second === undefined ? undefined : second === 0xfe ? utf16('utf-16le', 2) : utf8(0)
  if (first === 0xfe) return second === undefined ? undefined : second === 0xff ? utf16('utf-16be', 2) : utf8(0)
  if (first === 0xef) {
    if (second === undefined || (second === 0xbb && third === undefined)) return undefined
    return utf8(second === 0xbb && third === 0xbf ? 3 : 0)
  }
  if (head.length < 2) return undefined
  // Text of ASCII letters in UTF-16 without a mark: every other byte is zero.
  if (head.length >= 4 && first !== 0 && second === 0 && third !== 0 && head[3] === 0) return utf16('utf-16le', 0)
  if (head.length >= 4 && first === 0 && second !== 0 && third === 0 && head[3] !== 0) return utf16('utf-16be', 0)
  return utf8(0)
}

const utf8 = (bomBytes: number) => ({ encoding: 'utf-8' as const, bomBytes })
const utf16 = (encoding: Encoding, bomBytes: number) => ({ encoding, bomBytes })

/** Turns whole lines (and with `unterminated` the rest) into UTF-8. `source` begins at a line's beginning. */
export function transcode(source: Buffer, encoding: Exclude<Encoding, 'utf-8'>, unterminated: boolean): Transcoded {
  const width = encoding === 'latin1' ? 1 : 2
  const even = source.subarray(0, source.length - (source.length % width))
  const little = encoding === 'utf-16be' ? Buffer.from(even).swap16() : even
  const text = little.toString(encoding === 'latin1' ? 'latin1' : 'utf16le')
  const lines = text.split('\n')
  const rest = lines.pop() ?? ''
  const starts = [0]
  const sources = [0]
  const out: Buffer[] = []
  let [at, from] = [0, 0]
  const add = (line: string) => {
    const bytes = Buffer.from(line)
    out.push(bytes)
    at += bytes.length
    from += line.length * width
    starts.push(at)
    sources.push(from)
  }
  for (const line of lines) add(`${line}\n`)
  if (unterminated && rest !== '') add(rest)
  return {
    bytes: Buffer.concat(out),
    sourceOf: (position) => {
      let [low, high] = [0, starts.length - 1]
      while (low < high) {
        const middle = (low + high + 1) >> 1
        if ((starts[middle] ?? 0) <= position) low = middle
        else high = middle - 1
      }
      return sources[low] ?? 0
    },
  }
}
