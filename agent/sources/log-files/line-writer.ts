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
  readonly offsetDigits: number
}

const isoAt = '{"@timestamp":"'.length
const separator = Buffer.from('\n')
const none: readonly string[] = []
/** What is longer is rare, and looks at its limit as it is written. */
const maxPlainBytes = 64 << 10
const pidName = '},"rabbitmq":{"pid":"'

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
  readonly #middlesWithoutPid = new Map<Level | undefined, Middle>()
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
    this.#middlesWithoutPid.clear()
    this.#end = Buffer.from(`"},${target.tail}${target.idPrefix}`)
    this.#endWithoutPid = Buffer.from(`},${target.tail}${target.idPrefix}`)
    const { length } = Buffer.from(target.idPrefix + target.dataset + target.path + target.tail + target.idPrefix)
    this.#fixedBytes = length + 700
  }

  /**
   * `iso` where the clock has not read the line's time as one of the same minute; `isPlain` where no byte of the text needs
   * an escape. Returns the value's bytes.
   */
  write(
    framed: Framed,
    offset: number,
    level: Level | undefined,
    iso: string | undefined,
    timeMs: number,
    isPlain: boolean,
  ): number {
    const target = this.#target
    if (!target) throw new Error('aim comes first')
    const packer = this.#packer
    const { out } = packer
    const { texts, bytes, prefix } = framed
    const length = framed.end - framed.start
    const isSingle = isPlain && texts.length === 2 && length < maxPlainBytes && framed.kind === 'rabbitmq'
    packer.begin(
      target.topic,
      target.key,
      this.#fixedBytes + (isSingle ? length : Math.min(maxEventBytes + 16, 6 * length + texts.length * 2)),
    )
    const start = out.at
    this.#id.set36(offset)
    this.#offset.set10(offset)
    this.#writeHead(target, framed, iso)
    let flags = none
    if (isSingle && texts[1] !== texts[0]) {
      out.some(bytes, texts[0] as number, texts[1] as number)
      if (framed.isTruncated || framed.isPartial || framed.isContinued) flags = flagsOf(framed, false, false)
    } else {
      out.invalidBytes = 0
      const isWhole = this.#writeMessage(framed, start + maxEventBytes - this.#fixedBytes)
      if (out.invalidBytes > 0) this.#onInvalidBytes(out.invalidBytes)
      flags = flagsOf(framed, out.invalidBytes > 0, !isWhole)
    }
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
    const id = this.#id
    const offset = this.#offset
    const clock = this.#clock
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

  /** Up to the pid's digits, where it has one. */
  #writeMiddle(target: LineTarget, level: Level | undefined, flags: readonly string[], hasPid: boolean): void {
    const { out } = this.#packer
    const offset = this.#offset
    const middles = hasPid ? this.#middles : this.#middlesWithoutPid
    let middle = middles.get(level)
    if (middle?.offsetDigits !== offset.length) {
      const before = `","log":{${level === undefined ? '' : `"level":"${level}",`}"file":{"path":${target.path}},"offset":`
      const digits = '0'.repeat(offset.length)
      middle = {
        bytes: Buffer.from(`${before}${digits}${hasPid ? pidName : ''}`),
        offsetAt: Buffer.byteLength(before),
        offsetDigits: offset.length,
      }
      middles.set(level, middle)
    }
    if (!middle) return
    const start = out.at
    out.block(middle.bytes)
    out.patch(start + middle.offsetAt, offset.bytes, offset.start, offset.end)
    if (flags.length === 0) return
    out.at = start + middle.offsetAt + middle.offsetDigits
    out.ascii(`,"flags":${JSON.stringify(flags)}${hasPid ? pidName : ''}`)
  }
}
