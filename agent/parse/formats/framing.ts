import { emptyPrefix, type Prefix, readPrefix } from './prefix.ts'

/** The configured format of an input. */
export type Format = 'auto' | 'rabbitmq' | 'rabbitmq-json' | 'access' | 'combined' | 'json' | 'plain'

/** How a file's lines become records: `rabbitmq` merges (JSON lines among them stand alone), `line` is one record a line. */
export type Family = 'unknown' | 'rabbitmq' | 'access' | 'plain' | 'line'

/** One record, as ranges of the bytes given to the framer. The object is reused: read it inside the callback only. */
export interface Framed {
  kind: 'rabbitmq' | 'report' | 'json' | 'access' | 'line'
  bytes: Buffer
  /** The whole record, newline excluded. */
  start: number
  end: number
  /** Valid for kind `rabbitmq` where `hasPrefix`. */
  prefix: Prefix
  hasPrefix: boolean
  /** Start and end of each physical line's text, prefixes and line ends excluded: [s0, e0, s1, e1, …]. */
  texts: number[]
  /** Begun by an earlier, already emitted record. */
  isContinued: boolean
  /** Cut at a limit, at rest or at the end of the file: more may follow. */
  isPartial: boolean
  /** A line was longer than the limit: its rest is left out. */
  isTruncated: boolean
}

export interface FramerLimits {
  readonly maxLines: number
  readonly maxBytes: number
  readonly maxLineBytes: number
}

const newline = 0x0a
const carriageReturn = 0x0d

export function initialFamily(format: Format): Family {
  if (format === 'auto') return 'unknown'
  if (format === 'rabbitmq') return 'rabbitmq'
  return format === 'access' || format === 'combined' ? 'access' : format === 'plain' ? 'plain' : 'line'
}

/**
 * Cuts bytes into records. It keeps nothing of the bytes: what is not yet a complete record is not consumed and is given
 * again with what follows it, so that a restart from the last consumed byte can never cut a record in two.
 */
export class Framer {
  family: Family
  /** NUL bytes skipped at the beginning of lines. */
  nulBytes = 0
  longLines = 0
  /** Records given out although nothing proved their end. */
  forcedCuts = 0
  #isLineCut = false
  readonly #limits: FramerLimits
  readonly #emit: (record: Framed) => void
  readonly #open: Framed
  #isOpen = false
  #probe = emptyPrefix()
  /** The prefix of the record emitted last before its end was proven: its further lines are `continued`. */
  #flushed: Buffer | undefined
  #isFlushedBare = false

  constructor(family: Family, limits: FramerLimits, emit: (record: Framed) => void) {
    this.family = family
    this.#limits = limits
    this.#emit = emit
    this.#open = {
      kind: 'line',
      bytes: Buffer.alloc(0),
      start: 0,
      end: 0,
      prefix: emptyPrefix(),
      hasPrefix: false,
      texts: [],
      isContinued: false,
      isPartial: false,
      isTruncated: false,
    }
  }

  /**
   * Frames the complete lines in [start, end) and returns how far it consumed. With `flush` the last record is given out
   * although nothing proves its end; with `unterminated` a last line without a newline as well.
   */
  frame(bytes: Buffer, start: number, end: number, flush: boolean, unterminated = false): number {
    this.#isOpen = false
    let at = start
    while (at < end) {
      if (bytes[at] === 0) {
        at = this.#skipNuls(bytes, at, end)
        continue
      }
      const found = bytes.indexOf(newline, at)
      const isCut = found === -1 || found >= end
      if (isCut && !unterminated) break
      let stop = isCut ? end : found
      const next = isCut ? end : found + 1
      if (stop > at && bytes[stop - 1] === carriageReturn) stop--
      this.#line(bytes, at, stop, isCut)
      at = next
    }
    if (this.#isOpen && flush) {
      if (unterminated && bytes[end - 1] !== newline) this.#open.isPartial = true
      this.#flush(bytes)
    }
    return this.#isOpen ? this.#open.start : at
  }

  #skipNuls(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (at < end && bytes[at] === 0) at++
    this.nulBytes += at - from
    // NULs inside an open record would stand between its start and the next line: give out what there is.
    if (this.#isOpen) this.#give()
    return at
  }

  #line(bytes: Buffer, start: number, lineEnd: number, isCut: boolean): void {
    this.#isLineCut = lineEnd - start > this.#limits.maxLineBytes
    const end = this.#isLineCut ? wholeCharacters(bytes, start, start + this.#limits.maxLineBytes) : lineEnd
    if (this.#isLineCut) this.longLines++
    if (this.family === 'unknown' || this.family === 'plain') this.#detect(bytes, start, end)
    if (this.family !== 'rabbitmq') {
      if (end > start)
        this.#single(this.family === 'access' ? 'access' : this.#soleKind(bytes, start), bytes, start, end, isCut)
      return
    }
    if (this.#joinsOpen(bytes, start, end)) {
      this.#append(bytes, start + this.#prefixLength(), end, end)
      return
    }
    if (readPrefix(bytes, start, end, this.#probe)) this.#begin(bytes, start, end)
    else if (isReport(bytes, start, end)) this.#beginBare('report', bytes, start, end)
    else if (bytes[start] === 0x7b && bytes[start + 1] === 0x22) this.#single('json', bytes, start, end, isCut)
    else if (this.#isOpen) this.#append(bytes, start, end, end)
    else if (end > start) this.#beginBare('line', bytes, start, end)
  }

  #soleKind(bytes: Buffer, start: number): Framed['kind'] {
    return this.family === 'line' && bytes[start] === 0x7b ? 'json' : 'line'
  }

  #detect(bytes: Buffer, start: number, end: number): void {
    if (end === start) return
    const first = bytes[start] ?? 0
    const isDigit = first >= 48 && first <= 57
    if ((isDigit && readPrefix(bytes, start, end, this.#probe)) || isReport(bytes, start, end)) this.family = 'rabbitmq'
    else if (this.family === 'unknown') {
      if (first === 0x7b && bytes[start + 1] === 0x22) this.family = 'rabbitmq'
      else this.family = looksLikeAccess(bytes, start, end) ? 'access' : 'plain'
    }
  }

  #prefixLength(): number {
    return this.#open.hasPrefix ? this.#open.prefix.textStart - this.#open.prefix.start : 0
  }

  /** Identical prefixes are one record where the time is finer than a second; else only what is indented or empty joins. */
  #joinsOpen(bytes: Buffer, start: number, end: number): boolean {
    const open = this.#open
    if (!this.#isOpen || !open.hasPrefix) return false
    const length = this.#prefixLength()
    const from = open.prefix.start
    if (end - start < length) return false
    // The seconds and their fraction differ first: compare from the right.
    for (let index = length - 1; index >= 0; index--) if (bytes[start + index] !== bytes[from + index]) return false
    if (open.prefix.fractionDigits > 0) return true
    const next = bytes[start + length]
    return end - start === length || next === 0x20 || next === 0x09
  }

  #begin(bytes: Buffer, start: number, end: number): void {
    if (this.#isOpen) this.#give()
    const open = this.#open
    const spare = open.prefix
    open.prefix = this.#probe
    this.#probe = spare
    open.hasPrefix = true
    open.isContinued = this.#flushed !== undefined && this.#continuesFlushed(bytes, start)
    this.#flushed = undefined
    this.#isFlushedBare = false
    this.#openAt('rabbitmq', bytes, start, open.prefix.textStart, end)
  }

  #beginBare(kind: 'report' | 'line', bytes: Buffer, start: number, end: number): void {
    if (this.#isOpen) this.#give()
    this.#open.hasPrefix = false
    this.#open.isContinued = kind === 'line' && (this.#isFlushedBare || this.#flushed !== undefined)
    this.#openAt(kind, bytes, start, start, end)
  }

  #openAt(kind: Framed['kind'], bytes: Buffer, start: number, textStart: number, end: number): void {
    const open = this.#open
    open.kind = kind
    open.bytes = bytes
    open.start = start
    open.end = end
    open.isPartial = false
    open.isTruncated = this.#isLineCut
    const { texts } = open
    // Emptied and filled again, it would have new memory for every line.
    texts[0] = textStart
    texts[1] = end
    if (texts.length > 2) texts.length = 2
    this.#isOpen = true
  }

  #append(bytes: Buffer, textStart: number, textEnd: number, end: number): void {
    const open = this.#open
    open.texts.push(textStart, textEnd)
    open.isTruncated ||= this.#isLineCut
    open.end = end
    if (open.texts.length < this.#limits.maxLines * 2 && end - open.start < this.#limits.maxBytes) return
    open.isPartial = true
    this.#remember(bytes)
    this.#give()
  }

  #single(kind: Framed['kind'], bytes: Buffer, start: number, end: number, isCut: boolean): void {
    if (this.#isOpen) this.#give()
    this.#open.hasPrefix = false
    this.#open.isContinued = false
    this.#openAt(kind, bytes, start, start, end)
    this.#open.isPartial = isCut
    if (isCut) this.forcedCuts++
    this.#give()
  }

  /** The rest of a line whose beginning was given out before. */
  continueLine(bytes: Buffer, start: number, end: number, isCut: boolean): void {
    this.#isLineCut = false
    this.#open.hasPrefix = false
    this.#open.isContinued = true
    this.#openAt('line', bytes, start, start, end)
    this.#open.isPartial = isCut
    if (isCut) this.forcedCuts++
    this.#give()
  }

  #flush(bytes: Buffer): void {
    this.forcedCuts++
    this.#remember(bytes)
    this.#give()
  }

  #remember(bytes: Buffer): void {
    const { hasPrefix, prefix } = this.#open
    this.#flushed = hasPrefix ? Buffer.from(bytes.subarray(prefix.start, prefix.textStart)) : undefined
    this.#isFlushedBare = !hasPrefix
  }

  #continuesFlushed(bytes: Buffer, start: number): boolean {
    const flushed = this.#flushed
    if (!flushed || this.#open.prefix.fractionDigits === 0) return false
    return flushed.compare(bytes, start, start + flushed.length) === 0
  }

  #give(): void {
    this.#isOpen = false
    const { texts } = this.#open
    // Blank lines at the end say nothing.
    while (texts.length > 2 && texts[texts.length - 1] === texts[texts.length - 2]) texts.length -= 2
    this.#emit(this.#open)
  }
}

const reportMark = Buffer.from(' REPORT==== ')

function isReport(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== 0x3d || end - start < 24) return false
  const at = bytes.subarray(start, Math.min(end, start + 32)).indexOf(reportMark)
  return at > 1
}

/** `10.0.0.1 - guest [time] "GET /…"`: the management plugin's and every web server's common beginning. */
function looksLikeAccess(bytes: Buffer, start: number, end: number): boolean {
  return /^\S+ \S+ .*?\[[^\]]{10,40}\] "[A-Z]+ /.test(bytes.toString('latin1', start, Math.min(end, start + 400)))
}

/** The end moved back to the beginning of a character that it would cut. */
function wholeCharacters(bytes: Buffer, start: number, end: number): number {
  let at = end
  for (let back = 0; back < 4 && at > start && ((bytes[at] ?? 0) & 0xc0) === 0x80; back++) at--
  return at
}
