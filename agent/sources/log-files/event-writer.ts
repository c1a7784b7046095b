import { streamKey } from '../../../event/encode.ts'
import type { Level, ThumpEvent } from '../../../event/event.ts'
import { logEventId } from '../../../event/ids.ts'
import type { Framed } from '../../parse/formats/framing.ts'
import { createLevelAt, reportLevel } from '../../parse/formats/level.ts'
import type { Stamp } from '../../parse/formats/stamp.ts'
import type { DecodedText } from '../../parse/formats/text.ts'
import { createZone } from '../../parse/formats/zone.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { EventPacker } from './event-packer.ts'
import { needsEscape } from '../../parse/formats/pair-scan.ts'
import { LineClock } from './line-clock.ts'
import { type Common, LineEvents, type LineEventsDeps, textOf } from './line-events.ts'
import { mayMask, mayRecognise } from './line-look.ts'
import { LineWriter, maxPlainBytes } from './line-writer.ts'
import type { LineRecognition } from './contract.ts'
import type { RecordPacker } from '../../pack/record-packer.ts'
import { reportTime } from './report-time.ts'

/** Whose record it is. */
export interface RecordPlace {
  readonly generationId: string
  readonly livePath: string
  /** Where the record begins in the file. */
  readonly offset: number
}

export interface EventWriterDeps extends LineEventsDeps {
  readonly packer: RecordPacker
  /** For what is derived from lines: streams of their own, of few records. */
  readonly derived: RecordPacker
  readonly now: Clock
}

const lookCloser = mayRecognise | mayMask | needsEscape

/** Turns framed bytes into packed records: straight to bytes for a plain RabbitMQ line, by an object for the rest. */
export class EventWriter {
  readonly #deps: EventWriterDeps
  readonly #zone
  readonly #clock: LineClock
  readonly #lines: LineWriter
  readonly #events: LineEvents
  readonly #packed = new EventPacker()
  readonly #levelAt = createLevelAt()
  /** The line's time where the clock has not read it; `iso` undefined where it has. */
  #iso: string | undefined
  #timeMs = 0
  #aimedAt = ''
  #idPrefix = ''
  #key = ''
  #common: Common

  constructor(deps: EventWriterDeps) {
    this.#deps = deps
    this.#zone = createZone(deps.input.timezone)
    this.#clock = new LineClock(this.#zone)
    this.#lines = new LineWriter(deps.packer, this.#clock, deps.onInvalidBytes)
    this.#events = new LineEvents(deps, this.#zone)
    this.#common = this.#events.common()
  }

  /** Hands the record and what is derived from it to the packers; returns the bytes added. */
  write(framed: Framed, place: RecordPlace): number {
    this.#aim(place)
    const level = this.#times(framed)
    const found = this.#deps.look?.(framed.bytes, textStart(framed), framed.end) ?? lookCloser
    const isClean = isCleanOf(framed, found)
    if (isClean && (found & mayRecognise) === 0) return this.#writeLine(framed, place, level, found)
    const said = textOf(framed)
    const recognised = (found & mayRecognise) === 0 ? undefined : this.#events.recognise(framed, said, level)
    if (isClean && !recognised) return this.#writeLine(framed, place, level, found)
    return this.#writeEvent(framed, said, place, level, recognised, found)
  }

  #writeLine(framed: Framed, { offset }: RecordPlace, level: Level | undefined, found: number): number {
    return this.#lines.write(framed, offset, level, this.#iso, this.#timeMs, (found & needsEscape) === 0, undefined)
  }

  #aim(place: RecordPlace): void {
    const { identity, input } = this.#deps
    const [node, cluster] = [identity.node() ?? '', identity.cluster() ?? '']
    if (this.#aimedAt === place.generationId && this.#node === node && this.#cluster === cluster) return
    this.#aimedAt = place.generationId
    this.#node = node
    this.#cluster = cluster
    this.#idPrefix = logEventId(identity.agentId, place.generationId, 0).slice(0, -1)
    this.#key = streamKey(identity.keyNode(), place.livePath)
    this.#common = this.#events.common()
    this.#lines.aim({
      topic: input.topic,
      key: this.#key,
      idPrefix: this.#idPrefix,
      dataset: JSON.stringify(input.dataset ?? 'rabbitmq.log'),
      path: JSON.stringify(place.livePath),
      tail: latin1Json(this.#common),
    })
  }
  #node = ''
  #cluster = ''

  /** Finds the time; returns the level. */
  #times(framed: Framed): Level | undefined {
    const { bytes, prefix } = framed
    if (framed.hasPrefix) {
      if (this.#clock.read(bytes, prefix)) {
        this.#timeMs = this.#clock.ms
        this.#iso = this.#clock.isSameMinute ? undefined : this.#clock.iso(bytes, prefix)
      } else this.#stampNow()
      return this.#levelAt(bytes, prefix.levelStart, prefix.levelEnd)
    }
    if (framed.kind === 'report') {
      const header = bytes.toString('latin1', framed.texts[0] ?? 0, framed.texts[1] ?? 0)
      const stamp: Stamp = { iso: '', ms: 0 }
      if (reportTime(header, this.#zone, stamp)) this.#stampAs(stamp)
      else this.#stampNow()
      return reportLevel(/^=(\w+)/.exec(header)?.[1] ?? '')
    }
    this.#stampNow()
    return undefined
  }

  #stampNow(): void {
    const ms = this.#deps.now()
    if (ms !== this.#timeMs || this.#iso === undefined) this.#stampAs({ ms, iso: new Date(ms).toISOString() })
  }

  #stampAs({ ms, iso }: Stamp): void {
    this.#timeMs = ms
    this.#iso = iso
  }

  #writeEvent(
    framed: Framed,
    said: DecodedText,
    place: RecordPlace,
    level: Level | undefined,
    recognised: LineRecognition | undefined,
    found: number,
  ): number {
    const { redactor, deriver, derivingCodes, input, packer } = this.#deps
    const iso = this.#iso ?? this.#clock.iso(framed.bytes, framed.prefix)
    this.#packed.knowTime(iso, this.#timeMs)
    const { livePath, offset } = place
    const facts = { id: this.#idPrefix + offset.toString(36), iso, livePath, offset, level }
    // Whom it speaks of may be added to what is shared as long as the node is not known.
    const common = this.#node === '' ? this.#events.common() : this.#common
    const isClean = isCleanOf(framed, found)
    const { event, isAccess } = this.#events.event(framed, said, facts, common, recognised)
    const derives = deriver && (isAccess || (event.event.code !== undefined && derivingCodes?.has(event.event.code)))
    const derived = derives ? deriver.derive(event) : []
    const { message } = event
    redactor?.event(event, isClean)
    let bytes =
      isClean && recognised && this.#isAsRead(framed, event)
        ? this.#lines.write(framed, offset, level, this.#iso, this.#timeMs, (found & needsEscape) === 0, event)
        : this.#packed.pack(packer, { topic: input.topic, key: this.#key, event })
    // Of an event that had nothing to mask, what says the same has not either.
    const isAllClean = isClean && event.redacted === undefined
    for (const one of derived) {
      const isSame = one.event.message === message
      if (!isAllClean || !isSame) redactor?.event(one.event, isClean && isSame)
      bytes += this.#packed.pack(this.#deps.derived, one)
    }
    return bytes
  }

  /** Is a recognised line's event what the template writes: nothing masked, nothing said of another node? */
  #isAsRead({ start, end }: Framed, { service, redacted }: ThumpEvent): boolean {
    return service === this.#common.service && redacted === undefined && end - start < maxPlainBytes
  }
}

/** Is nothing in its text to be masked? Of the formats that are taken apart this is asked part by part. */
const isCleanOf = ({ kind }: Framed, found: number): boolean =>
  (found & mayMask) === 0 && kind !== 'json' && kind !== 'access'

/** What the prefix says is known: only what follows it can hold anything else. */
const textStart = ({ hasPrefix, texts, start }: Framed): number => (hasPrefix ? (texts[0] ?? start) : start)

/** The rest of an object without its first brace, in ASCII: other characters escaped. */
function latin1Json(value: object): string {
  const json = JSON.stringify(value).slice(1)
  return json.replace(/[\u0080-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
