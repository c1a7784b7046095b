import type { Prefix } from '../../parse/formats/prefix.ts'
import { createStamper, type Stamp } from '../../parse/formats/stamp.ts'
import type { ZoneOffset } from '../../parse/formats/zone.ts'

/** Up to the minutes: `YYYY-MM-DD HH:MM:`. */
const minuteLength = 17
const zero = 48

/**
 * A line's time from its bytes. Where minute and zone are those of the line before, only seconds and fraction are looked
 * at; `iso` is then not made, for whoever has the minute's text needs those digits alone.
 */
export class LineClock {
  readonly #stamper
  readonly #stamp: Stamp = { iso: '', ms: 0 }
  readonly #minute = new Uint8Array(minuteLength)
  readonly #zone = new Uint8Array(8)
  #zoneLength = -1
  #minuteMs = 0
  /** Grows with each minute and zone. */
  minute = 0
  ms = 0
  /** Has the line the minute that `minute` counts, and at least three digits of a fraction? */
  isSameMinute = false

  constructor(zone: ZoneOffset) {
    this.#stamper = createStamper(zone)
  }

  /** False where it is no time. */
  read(bytes: Buffer, prefix: Prefix): boolean {
    this.isSameMinute = prefix.kind === 'calendar' && prefix.fractionDigits >= 3 && this.#follows(bytes, prefix)
    if (this.isSameMinute) return true
    if (!this.#stamper(bytes, prefix, this.#stamp)) return false
    this.ms = this.#stamp.ms
    this.#remember(bytes, prefix)
    return true
  }

  /** As stored, of the line that was read last. */
  iso(bytes: Buffer, prefix: Prefix): string {
    if (this.isSameMinute) this.#stamper(bytes, prefix, this.#stamp)
    return this.#stamp.iso
  }

  #follows(bytes: Buffer, { start, zoneStart, timeEnd, fractionStart }: Prefix): boolean {
    if (timeEnd - zoneStart !== this.#zoneLength) return false
    const [minute, zone] = [this.#minute, this.#zone]
    for (let index = minuteLength - 1; index >= 0; index--) if (bytes[start + index] !== minute[index]) return false
    for (let index = this.#zoneLength - 1; index >= 0; index--)
      if (bytes[zoneStart + index] !== zone[index]) return false
    const tens = (bytes[start + 17] as number) - zero
    const ones = (bytes[start + 18] as number) - zero
    if (tens < 0 || tens > 5 || ones < 0 || ones > 9) return false
    const millis =
      (bytes[fractionStart] as number) * 100 +
      (bytes[fractionStart + 1] as number) * 10 +
      (bytes[fractionStart + 2] as number) -
      zero * 111
    this.ms = this.#minuteMs + (tens * 10 + ones) * 1000 + millis
    return true
  }

  #remember(bytes: Buffer, { kind, start, zoneStart, timeEnd }: Prefix): void {
    this.#zoneLength = -1
    if (kind !== 'calendar' || timeEnd - zoneStart > this.#zone.length) return
    this.minute++
    this.#zoneLength = timeEnd - zoneStart
    for (let index = 0; index < minuteLength; index++) this.#minute[index] = bytes[start + index] as number
    for (let index = 0; index < this.#zoneLength; index++) this.#zone[index] = bytes[zoneStart + index] as number
    const seconds = ((bytes[start + 17] as number) - zero) * 10 + (bytes[start + 18] as number) - zero
    this.#minuteMs = Math.floor(this.ms / 1000) * 1000 - seconds * 1000
  }
}
