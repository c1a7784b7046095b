import type { Level, ThumpEvent } from '../../../event/event.ts'
import type { TopicName } from '../../../event/topics.ts'
import type { Framed } from '../../parse/formats/framing.ts'
import type { Prefix } from '../../parse/formats/prefix.ts'
import { flagsJson, flagsOf } from './flags.ts'
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
  /** Whose code, category and outcome stand in it. */
  readonly known: ThumpEvent['event'] | undefined
}

interface Middle {
  readonly bytes: Buffer
  readonly offsetAt: number
  readonly offsetDigits: number
}

/** All that follows a plain message: the middle, a pid of so many bytes, and the end. */
interface Rest extends Middle {
  readonly pidAt: number
}

const isoAt = '{"@timestamp":"'.length
const separator = Buffer.from('\n')
const none: readonly string[] = []
/** What is longer is rare, and looks at its limit as it is written. */
export const maxPlainBytes = 64 << 10
const maxPidBytes = 60
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
  /** Of each level by the length of the pid; 0 where there is none. */
  readonly #rests = new Map<Level | undefined, Rest[]>()
  #target: LineTarget | undefined
  #head: Head | undefined
  /** By code: the heads of recognised lines. */
  readonly #headsOf = new Map<string, Head>()
  #end = Buffer.alloc(0)
  #endWithoutPid = Buffer.alloc(0)
  #endOfKnown = Buffer.alloc(0)
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
    this.#headsOf.clear()
    this.#middles.clear()
    this.#middlesWithoutPid.clear()
    this.#rests.clear()
    this.#end = Buffer.from(`"},${target.tail}${target.idPrefix}`)
    this.#endWithoutPid = Buffer.from(`},${target.tail}${target.idPrefix}`)
    this.#endOfKnown = Buffer.from(`,${target.tail}${target.idPrefix}`)
    const { length } = Buffer.from(target.idPrefix + target.dataset + target.path + target.tail + target.idPrefix)
    this.#fixedBytes = length + 700
  }

  /**
   * `iso` where the clock has not read the line's time as one of the same minute; `isPlain` where no byte of the text needs
   * an escape; `known`: the event of a recognised line, of which is taken what the bytes do not say (code, whom it speaks
   * of). Returns the value's bytes.
   */
  write(
    framed: Framed,
    offset: number,
    level: Level | undefined,
    iso: string | undefined,
    timeMs: number,
    isPlain: boolean,
    known: ThumpEvent | undefined,
  ): number {
    const target = this.#target
    if (!target) throw new Error('aim comes first')
    const packer = this.#packer
    const { out } = packer
    const { texts, bytes, prefix } = framed
    const length = framed.end - framed.start
    const said = known === undefined ? '' : saidOf(known)
    const isSingle = isPlain && texts.length === 2 && length < maxPlainBytes && framed.kind === 'rabbitmq'
    this.#id.set36(offset)
    this.#offset.set10(offset)
    const head = this.#headOf(target, framed, iso, known)
    const text = isSingle ? length : Math.min(maxEventBytes + 16, 6 * length + texts.length * 2)
    packer.begin(target.topic, target.key, this.#fixedBytes + head.bytes.length + text + 3 * said.length)
    const start = out.at
    this.#writeHead(head, framed, iso)
    let flags = none
    if (isSingle && texts[1] !== texts[0]) {
      out.part(bytes, texts[0] as number, texts[1] as number)
      if (framed.isTruncated || framed.isPartial || framed.isContinued) flags = flagsOf(framed, false, false)
    } else {
      out.invalidBytes = 0
      const isWhole = this.#writeMessage(framed, start + maxEventBytes - this.#fixedBytes)
      if (out.invalidBytes > 0) this.#onInvalidBytes(out.invalidBytes)
      flags = flagsOf(framed, out.invalidBytes > 0, !isWhole)
    }
    const isUsual = known === undefined && flags.length === 0 && this.#writeRest(target, level, framed)
    if (!isUsual) {
      const hasPid = known === undefined && hasPidIn(framed)
      this.#writeMiddle(target, level, flags, hasPid)
      if (hasPid) out.jsonText(bytes, prefix.pidStart, pidEndOf(prefix), start + maxEventBytes)
      if (known === undefined) out.block(hasPid ? this.#end : this.#endWithoutPid)
      else this.#writeSaid(said)
    }
    const valueEnd = out.at - target.idPrefix.length
    out.some(this.#id.bytes, this.#id.start, this.#id.end)
    packer.add(valueEnd, timeMs)
    return valueEnd - start
  }

  /** The last one of its code, as long as it fits. */
  #headOf(target: LineTarget, framed: Framed, iso: string | undefined, known: ThumpEvent | undefined): Head {
    const clock = this.#clock
    const code = known?.event.code
    const before = code === undefined ? this.#head : this.#headsOf.get(code)
    const isFitting =
      before?.idDigits === this.#id.length &&
      before.sequenceDigits === this.#offset.length &&
      (iso === undefined
        ? before.minute === clock.minute && before.fractionDigits === framed.prefix.fractionDigits
        : before.isoLength === iso.length) &&
      (known === undefined || saysTheSame(before.known, known.event))
    if (before && isFitting) return before
    const head = this.#newHead(target, framed, iso, known)
    if (code === undefined) this.#head = head
    else this.#headsOf.set(code, head)
    return head
  }

  #writeHead(head: Head, { bytes, prefix }: Framed, iso: string | undefined): void {
    const { out } = this.#packer
    const [id, offset] = [this.#id, this.#offset]
    const start = out.at
    out.block(head.bytes)
    if (iso === undefined) {
      out.patch(start + isoAt + 17, bytes, prefix.start + 17, prefix.start + 19)
      out.patch(start + isoAt + 20, bytes, prefix.fractionStart, prefix.fractionStart + prefix.fractionDigits)
    } else out.patchAscii(start + isoAt, iso)
    out.patch(start + head.idAt, id.bytes, id.start, id.end)
    out.patch(start + head.sequenceAt, offset.bytes, offset.start, offset.end)
  }

  #newHead(
    { idPrefix, dataset }: LineTarget,
    { bytes, prefix }: Framed,
    given: string | undefined,
    known: ThumpEvent | undefined,
  ): Head {
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
        Buffer.from(`${known === undefined ? '' : codeOf(known.event)}},"message":"`),
      ]),
      isoLength: iso.length,
      idAt,
      sequenceAt,
      idDigits: id.length,
      sequenceDigits: offset.length,
      minute: given === undefined ? this.#clock.minute : -1,
      fractionDigits: prefix.fractionDigits,
      known: known?.event,
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

  /** From the end of `log` on. */
  #writeSaid(said: string): void {
    const { out } = this.#packer
    out.ascii('}')
    if (said !== '{}') {
      const start = out.at
      out.text(said)
      // The object's braces: a comma stands for the first, the last one is still to come.
      out.patchAscii(start, ',')
      out.at--
    }
    out.block(this.#endOfKnown)
  }

  /** In one piece; false, and nothing written, where the pid needs an escape. */
  #writeRest(target: LineTarget, level: Level | undefined, framed: Framed): boolean {
    const { out } = this.#packer
    const offset = this.#offset
    const { bytes, prefix } = framed
    const pidLength = hasPidIn(framed) ? pidEndOf(prefix) - prefix.pidStart : 0
    let rests = this.#rests.get(level)
    if (!rests) this.#rests.set(level, (rests = []))
    let rest = rests[pidLength]
    if (rest?.offsetDigits !== offset.length) rests[pidLength] = rest = this.#newRest(target, level, pidLength)
    const start = out.at
    out.block(rest.bytes)
    if (pidLength > 0 && !out.patchPlain(start + rest.pidAt, bytes, prefix.pidStart, prefix.pidStart + pidLength)) {
      out.at = start
      return false
    }
    out.patch(start + rest.offsetAt, offset.bytes, offset.start, offset.end)
    return true
  }

  #newRest(target: LineTarget, level: Level | undefined, pidLength: number): Rest {
    const hasPid = pidLength > 0
    const middle = newMiddle(target, level, this.#offset.length, hasPid)
    const end = hasPid ? this.#end : this.#endWithoutPid
    return {
      ...middle,
      bytes: Buffer.concat([middle.bytes, Buffer.alloc(pidLength), end]),
      pidAt: middle.bytes.length,
    }
  }

  /** Up to the pid's digits, where it has one. */
  #writeMiddle(target: LineTarget, level: Level | undefined, flags: readonly string[], hasPid: boolean): void {
    const { out } = this.#packer
    const offset = this.#offset
    const middles = hasPid ? this.#middles : this.#middlesWithoutPid
    let middle = middles.get(level)
    if (middle?.offsetDigits !== offset.length)
      middles.set(level, (middle = newMiddle(target, level, offset.length, hasPid)))
    const start = out.at
    out.block(middle.bytes)
    out.patch(start + middle.offsetAt, offset.bytes, offset.start, offset.end)
    if (flags.length === 0) return
    out.at = start + middle.offsetAt + middle.offsetDigits
    out.ascii(`,"flags":${flagsJson(flags)}${hasPid ? pidName : ''}`)
  }
}

function newMiddle({ path }: LineTarget, level: Level | undefined, offsetDigits: number, hasPid: boolean): Middle {
  const before = `","log":{${level === undefined ? '' : `"level":"${level}",`}"file":{"path":${path}},"offset":`
  return {
    bytes: Buffer.from(`${before}${'0'.repeat(offsetDigits)}${hasPid ? pidName : ''}`),
    offsetAt: Buffer.byteLength(before),
    offsetDigits,
  }
}

const hasPidIn = ({ hasPrefix, prefix }: Framed): boolean => hasPrefix && prefix.pidEnd > prefix.pidStart
/** Processes' names are short; what else stands there is cut. */
const pidEndOf = ({ pidStart, pidEnd }: Prefix): number => Math.min(pidEnd, pidStart + maxPidBytes)

/** What a recognised line's event has besides: from the line's text, or known of the connection it speaks of. */
function saidOf({ rabbitmq, user, source, client }: ThumpEvent): string {
  return JSON.stringify({ rabbitmq, user, source, client })
}

/** Is what a head says of the line, beside its place and time, what this one's does? */
function saysTheSame(head: ThumpEvent['event'] | undefined, { category = [], outcome }: ThumpEvent['event']): boolean {
  const before = head?.category ?? []
  if (head?.outcome !== outcome || before.length !== category.length) return false
  for (let index = 0; index < before.length; index++) if (before[index] !== category[index]) return false
  return true
}

/** `,"code":…`: what follows the sequence number. */
function codeOf({ code, category, outcome }: ThumpEvent['event']): string {
  return JSON.stringify({ sequence: 0, code, category, outcome }).slice('{"sequence":0'.length, -1)
}
