import type { Level } from '../../../event/event.ts'
import type { TopicName } from '../../../event/topics.ts'
import type { Framed } from '../../parse/formats/framing.ts'
import { flagsOf } from './flags.ts'
import type { LineClock } from './line-clock.ts'
import { Numerals } from './numerals.ts'
import type { RecordPacker } from '../../pack/record-packer.ts'

/** Kafka refuses records beyond 1 MiB with their headers; an event that would be larger is cut and flagged. */
export const maxEventBytes = 1_000_000

/** What all events of a generation have in common, as JSON. */
export interface LineTarget {
  readonly topic: TopicName
  readonly key: string
  readonly idPrefix: string
  readonly dataset: string
  readonly path: string
  /** The rest of the event after `rabbitmq`, with its last brace; ASCII. */
  readonly tail: string
}

interface Head {
  readonly bytes: Buffer
  readonly isoLength: number
  readonly idAt: number
  readonly sequenceAt: number
  readonly idDigits: number
  readonly sequenceDigits: number
  /** The minute that stands in it, by the clock's count; -1 where the time is not the clock's. */
  readonly minute: number
  readonly fractionDigits: number
}

interface Middle {
  readonly bytes: Buffer
  readonly offsetAt: number
}

const isoAt = '{"@timestamp":"'.length
const separator = Buffer.from('\n')

/**
 * Writes plain lines' events by templates: what stays the same from line to line is copied as one block, what changes
 * (time, id, offset) is written over it in place.
 */
export class LineWriter {
  readonly #packer: RecordPacker
  readonly #clock: LineClock
  readonly #onInvalidBytes: (count: number) => void
  readonly #id = new Numerals()
  readonly #offset = new Numerals()
  readonly #middles = new Map<Level | undefined, Middle>()
  #target: LineTarget | undefined
  #head: Head | undefined
  #end = Buffer.alloc(0)
  #endWithoutPid = Buffer.alloc(0)
  /** Room for all but the message. */
  #fixedBytes = 0

  constructor(packer: RecordPacker, clock: LineClock, onInvalidBytes: (count: number) => void) {
    this.#packer = packer
    this.#clock = clock
    this.#onInvalidBytes = onInvalidBytes
  }

  aim(target: LineTarget): void {
    this.#target = target
    this.#head = undefined
    this.#middles.clear()
    this.#end = Buffer.from(`"},${target.tail}${target.idPrefix}`)
    this.#endWithoutPid = Buffer.from(`},${target.tail}${target.idPrefix}`)
    const { length } = Buffer.from(target.idPrefix + target.dataset + target.path + target.tail + target.idPrefix)
    this.#fixedBytes = length + 700
  }

  /** `iso` where the clock has not read the line's time as one of the same minute. Returns the value's bytes. */
  write(framed: Framed, offset: number, level: Level | undefined, iso: string | undefined, timeMs: number): number {
    const target = this.#target
    if (!target) throw new Error('aim comes first')
    const [packer, { out }, { texts, bytes, prefix }] = [this.#packer, this.#packer, framed]
    const most = Math.min(maxEventBytes + 16, 6 * (framed.end - framed.start) + texts.length * 2)
    packer.begin(target.topic, target.key, this.#fixedBytes + most)
    const start = out.at
    out.invalidBytes = 0
    this.#id.set(offset, 36)
    this.#offset.set(offset, 10)
    this.#writeHead(target, framed, iso)
    const isWhole = this.#writeMessage(framed, start + maxEventBytes - this.#fixedBytes)
    if (out.invalidBytes > 0) this.#onInvalidBytes(out.invalidBytes)
    const flags = flagsOf(framed, out.invalidBytes > 0, !isWhole)
    const hasPid = framed.hasPrefix && prefix.pidEnd > prefix.pidStart
    this.#writeMiddle(target, level, flags, hasPid)
    if (hasPid)
      out.jsonText(bytes, prefix.pidStart, Math.min(prefix.pidEnd, prefix.pidStart + 60), start + maxEventBytes)
    out.block(hasPid ? this.#end : this.#endWithoutPid)
    const valueEnd = out.at - target.idPrefix.length
    out.some(this.#id.bytes, this.#id.start, this.#id.end)
    packer.add(valueEnd, timeMs)
    return valueEnd - start
  }

  #writeHead(target: LineTarget, framed: Framed, iso: string | undefined): void {
    const { out } = this.#packer
    const { bytes, prefix } = framed
    const [id, offset, clock] = [this.#id, this.#offset, this.#clock]
    let head = this.#head
    const isFitting =
      head?.idDigits === id.length &&
      head.sequenceDigits === offset.length &&
      (iso === undefined
        ? head.minute === clock.minute && head.fractionDigits === prefix.fractionDigits
        : head.isoLength === iso.length)
    if (!head || !isFitting) this.#head = head = this.#newHead(target, framed, iso)
    const start = out.at
    out.block(head.bytes)
    if (iso === undefined) {
      out.patch(start + isoAt + 17, bytes, prefix.start + 17, prefix.start + 19)
      out.patch(start + isoAt + 20, bytes, prefix.fractionStart, prefix.fractionStart + prefix.fractionDigits)
    } else out.patchAscii(start + isoAt, iso)
    out.patch(start + head.idAt, id.bytes, id.start, id.end)
    out.patch(start + head.sequenceAt, offset.bytes, offset.start, offset.end)
  }

  #newHead({ idPrefix, dataset }: LineTarget, { bytes, prefix }: Framed, given: string | undefined): Head {
    const [id, offset] = [this.#id, this.#offset]
    const iso = given ?? this.#clock.iso(bytes, prefix)
    const beforeId = Buffer.from(`{"@timestamp":"${iso}","event":{"id":"${idPrefix}`)
    const beforeSequence = Buffer.from(`","dataset":${dataset},"sequence":`)
    const idAt = beforeId.length
    const sequenceAt = idAt + id.length + beforeSequence.length
    const zeros = (count: number) => Buffer.alloc(count, '0')
    return {
      bytes: Buffer.concat([
        beforeId,
        zeros(id.length),
        beforeSequence,
        zeros(offset.length),
        Buffer.from('},"message":"'),
      ]),
      isoLength: iso.length,
      idAt,
      sequenceAt,
      idDigits: id.length,
      sequenceDigits: offset.length,
      minute: given === undefined ? this.#clock.minute : -1,
      fractionDigits: prefix.fractionDigits,
    }
  }

  #writeMessage({ kind, texts, bytes }: Framed, stop: number): boolean {
    const { out } = this.#packer
    const before = out.at
    const from = kind === 'report' && texts.length > 2 ? 2 : 0
    let isWhole = true
    for (let index = from; index < texts.length && isWhole; index += 2) {
      if (index > from) isWhole = out.jsonText(separator, 0, 1, stop)
      isWhole &&= out.jsonText(bytes, texts[index] as number, texts[index + 1] as number, stop)
    }
    if (out.at === before) out.ascii('(empty)')
    return isWhole
  }

  #writeMiddle(target: LineTarget, level: Level | undefined, flags: readonly string[], hasPid: boolean): void {
    const { out } = this.#packer
    const offset = this.#offset
    let middle = this.#middles.get(level)
    if (middle?.bytes.length !== (middle?.offsetAt ?? 0) + offset.length) {
      const before = Buffer.from(
        `","log":{${level === undefined ? '' : `"level":"${level}",`}"file":{"path":${target.path}},"offset":`,
      )
      middle = { bytes: Buffer.concat([before, Buffer.alloc(offset.length)]), offsetAt: before.length }
      this.#middles.set(level, middle)
    }
    if (!middle) return
    const start = out.at
    out.block(middle.bytes)
    out.patch(start + middle.offsetAt, offset.bytes, offset.start, offset.end)
    if (flags.length > 0) out.ascii(`,"flags":${JSON.stringify(flags)}`)
    if (hasPid) out.ascii('},"rabbitmq":{"pid":"')
  }
}
