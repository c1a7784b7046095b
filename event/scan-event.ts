import { isUtf8 } from 'node:buffer'

/** What the storage must know of an event. */
export interface EventHead {
  readonly id: string
  /** `@timestamp`, ms since the epoch. */
  readonly atMs: number
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
const [zero, nine, minus] = [0x30, 0x39, 0x2d]
const deepest = 64
const words = ['true', 'false', 'null']

/**
 * Reads an event's head from its bytes without making objects of the rest: an answer means that the value is one JSON
 * object with this id and time. Undefined where it is not, or not written as Thump writes (compact, few escapes in what
 * matters, ISO time): then decodeEvent decides.
 */
export function scanEvent(value: Buffer): EventHead | undefined {
  return value[0] === openBrace && isUtf8(value) ? new Scan(value).head() : undefined
}

/** JSON without white space; every method answers with the place behind what it read, or -1 where it cannot. */
class Scan {
  readonly #bytes: Buffer
  #idStart = -1
  #idEnd = -1
  #timeStart = -1
  #timeEnd = -1
  #wasTwice = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  head(): EventHead | undefined {
    const end = this.#object(0, 0, 'root')
    const hasBoth = this.#idEnd > this.#idStart && this.#timeEnd > this.#timeStart
    if (end !== this.#bytes.length || this.#wasTwice || !hasBoth) return undefined
    const atMs = isoTime(this.#bytes, this.#timeStart, this.#timeEnd)
    return atMs === undefined ? undefined : { id: this.#bytes.toString('utf8', this.#idStart, this.#idEnd), atMs }
  }

  #object(start: number, depth: number, where: 'root' | 'event' | 'other'): number {
    const bytes = this.#bytes
    if (depth > deepest) return -1
    let at = start + 1
    if (bytes[at] === closeBrace) return at + 1
    for (;;) {
      const keyStart = at + 1
      if (bytes[at] !== quote) return -1
      at = this.#string(at, where !== 'other')
      if (at < 0 || bytes[at] !== colon) return -1
      const keyEnd = at - 1
      at++
      if (where === 'root' && is(bytes, keyStart, keyEnd, 'event')) at = this.#event(at, depth)
      else if (where === 'root' && is(bytes, keyStart, keyEnd, '@timestamp')) at = this.#time(at)
      else if (where === 'event' && is(bytes, keyStart, keyEnd, 'id')) at = this.#id(at)
      else at = this.#value(at, depth)
      if (at < 0) return -1
      if (bytes[at] === closeBrace) return at + 1
      if (bytes[at] !== comma) return -1
      at++
    }
  }

  #event(at: number, depth: number): number {
    // A key twice: whose last one counts is not ours to find out.
    if (this.#idStart >= 0) this.#wasTwice = true
    return this.#bytes[at] === openBrace ? this.#object(at, depth + 1, 'event') : -1
  }

  #id(at: number): number {
    if (this.#idStart >= 0) this.#wasTwice = true
    const end = this.#bytes[at] === quote ? this.#string(at, true) : -1
    this.#idStart = at + 1
    this.#idEnd = end - 1
    return end
  }

  #time(at: number): number {
    if (this.#timeStart >= 0) this.#wasTwice = true
    const end = this.#bytes[at] === quote ? this.#string(at, true) : -1
    this.#timeStart = at + 1
    this.#timeEnd = end - 1
    return end
  }

  #value(at: number, depth: number): number {
    const first = this.#bytes[at] ?? 0
    if (first === quote) return this.#string(at, false)
    if (first === openBrace) return this.#object(at, depth + 1, 'other')
    if (first === openBracket) return this.#array(at, depth + 1)
    if (first === minus || (first >= zero && first <= nine)) return this.#number(at)
    const word = words.find((one) => is(this.#bytes, at, at + one.length, one))
    return word ? at + word.length : -1
  }

  #array(start: number, depth: number): number {
    if (depth > deepest) return -1
    let at = start + 1
    if (this.#bytes[at] === closeBracket) return at + 1
    for (;;) {
      at = this.#value(at, depth)
      if (at < 0) return -1
      if (this.#bytes[at] === closeBracket) return at + 1
      if (this.#bytes[at] !== comma) return -1
      at++
    }
  }

  /** `isPlain`: escapes are not wanted, for the text is compared or taken as it stands. */
  #string(start: number, isPlain: boolean): number {
    const bytes = this.#bytes
    for (let at = start + 1; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte === quote) return at + 1
      if (byte < 0x20) return -1
      if (byte !== backslash) continue
      if (isPlain) return -1
      at = this.#escape(at + 1)
      if (at < 0) return -1
    }
    return -1
  }

  /** The place of the escape's last byte. */
  #escape(at: number): number {
    const letter = String.fromCharCode(this.#bytes[at] ?? 0)
    if (letter !== 'u') return '"\\/bfnrt'.includes(letter) ? at : -1
    return /^[0-9a-fA-F]{4}$/.test(this.#bytes.toString('latin1', at + 1, at + 5)) ? at + 4 : -1
  }

  #number(start: number): number {
    const bytes = this.#bytes
    let at = bytes[start] === minus ? start + 1 : start
    const first = bytes[at] ?? 0
    while (isDigit(bytes[at])) at++
    const next = bytes[at]
    // Fractions and powers are rare: their own grammar is asked.
    if (next !== 0x2e && next !== 0x65 && next !== 0x45) {
      const digits = at - (bytes[start] === minus ? start + 1 : start)
      return digits === 0 || (first === zero && digits > 1) ? -1 : at
    }
    while (isDigit(bytes[at]) || isSign(bytes[at])) at++
    return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(bytes.toString('latin1', start, at)) ? at : -1
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine
}

/** `. e E + -` */
function isSign(byte: number | undefined): boolean {
  return byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === minus
}

function is(bytes: Buffer, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++) if (bytes[start + index] !== name.charCodeAt(index)) return false
  return true
}

let knownDay = { text: '', atMs: NaN }

/** `2026-11-22T10:00:00.123Z` alone. */
function isoTime(bytes: Buffer, start: number, end: number): number | undefined {
  if (end - start !== 24 || bytes[start + 10] !== 0x54 || bytes[end - 1] !== 0x5a || bytes[end - 5] !== 0x2e)
    return undefined
  if (bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a) return undefined
  const text = bytes.toString('latin1', start, start + 10)
  if (text !== knownDay.text) knownDay = { text, atMs: Date.parse(`${text}T00:00:00.000Z`) }
  const hours = digits(bytes, start + 11, 2)
  const minutes = digits(bytes, start + 14, 2)
  const seconds = digits(bytes, start + 17, 2)
  const millis = digits(bytes, start + 20, 3)
  if (!(hours < 24) || !(minutes < 60) || !(seconds < 60) || !(millis >= 0) || Number.isNaN(knownDay.atMs))
    return undefined
  return knownDay.atMs + hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + millis
}

function digits(bytes: Buffer, start: number, count: number): number {
  let number = 0
  for (let at = start; at < start + count; at++) {
    if (!isDigit(bytes[at])) return NaN
    number = number * 10 + (bytes[at] ?? 0) - zero
  }
  return number
}
