import { type Emitted, streamKey } from '../../../event/encode.ts'
import type { Level, ThumpEvent } from '../../../event/event.ts'
import { logEventId } from '../../../event/ids.ts'
import type { Framed } from '../../parse/formats/framing.ts'
import { createLevelAt, reportLevel } from '../../parse/formats/level.ts'
import { epoch, minuteOf, type Stamp } from '../../parse/formats/stamp.ts'
import { decodeText } from '../../parse/formats/text.ts'
import { createZone } from '../../parse/formats/zone.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Identity } from '../../source.ts'
import type { LineRecognition, LineServices, LogInput } from './contract.ts'
import { needsEscape } from '../../parse/formats/pair-scan.ts'
import { flagsOf } from './flags.ts'
import { jsonLine } from './json-line.ts'
import { LineClock } from './line-clock.ts'
import { mayMask, mayRecognise } from './line-look.ts'
import { LineWriter, maxEventBytes } from './line-writer.ts'
import { merge } from './merge.ts'
import type { RecordPacker } from '../../pack/record-packer.ts'

/** Whose record it is. */
export interface RecordPlace {
  readonly generationId: string
  readonly livePath: string
  /** Where the record begins in the file. */
  readonly offset: number
}

export interface EventWriterDeps extends LineServices {
  readonly input: LogInput
  readonly packer: RecordPacker
  /** For what is derived from lines: streams of their own, of few records. */
  readonly derived: RecordPacker
  readonly identity: Identity
  readonly now: Clock
  readonly onInvalidBytes: (count: number) => void
}

const lookCloser = mayRecognise | mayMask | needsEscape

/** Turns framed bytes into packed records: straight to bytes for a plain RabbitMQ line, by an object for the rest. */
export class EventWriter {
  readonly #deps: EventWriterDeps
  readonly #packer: RecordPacker
  readonly #zone
  readonly #clock: LineClock
  readonly #lines: LineWriter
  readonly #levelAt = createLevelAt()
  /** The line's time where the clock has not read it; `iso` undefined where it has. */
  #iso: string | undefined
  #timeMs = 0
  #aimedAt = ''
  #idPrefix = ''
  #key = ''

  constructor(deps: EventWriterDeps) {
    this.#deps = deps
    this.#packer = deps.packer
    this.#zone = createZone(deps.input.timezone)
    this.#clock = new LineClock(this.#zone)
    this.#lines = new LineWriter(deps.packer, this.#clock, deps.onInvalidBytes)
  }

  /** Hands the record and what is derived from it to the packers; returns the bytes added. */
  write(framed: Framed, place: RecordPlace): number {
    this.#aim(place)
    const level = this.#times(framed)
    const found = this.#deps.look?.(framed.bytes, textStart(framed), framed.end) ?? lookCloser
    const recognised = (found & mayRecognise) === 0 ? undefined : this.#recognise(framed, level)
    const isClean = (found & mayMask) === 0 && framed.kind !== 'json' && framed.kind !== 'access'
    if (isClean && !recognised)
      return this.#lines.write(framed, place.offset, level, this.#iso, this.#timeMs, (found & needsEscape) === 0)
    return this.#writeEvent(framed, place, level, recognised, isClean)
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
    this.#lines.aim({
      topic: input.topic,
      key: this.#key,
      idPrefix: this.#idPrefix,
      dataset: JSON.stringify(input.dataset ?? 'rabbitmq.log'),
      path: JSON.stringify(place.livePath),
      tail: latin1Json({ ...this.#common(), ...this.#extras() }),
    })
  }
  #node = ''
  #cluster = ''

  #common(): Pick<ThumpEvent, 'host' | 'service' | 'agent'> {
    const { identity, input } = this.#deps
    const [node, cluster] = [identity.node(), identity.cluster()]
    return {
      host: { name: identity.hostName },
      service: {
        type: serviceType(input),
        ...(cluster !== undefined && { name: cluster }),
        ...(node !== undefined && { node: { name: node } }),
      },
      agent: { id: identity.agentId, version: identity.agentVersion },
    }
  }

  #extras(): Pick<ThumpEvent, 'tags' | 'labels'> {
    const { tags, labels } = this.#deps.input
    return {
      ...(tags.length > 0 && { tags: [...tags] }),
      ...(Object.keys(labels).length > 0 && { labels: { ...labels } }),
    }
  }

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

  /** RabbitMQ's own records only; what a JSON line says is known once it is parsed. */
  #recognise(framed: Framed, level: Level | undefined): LineRecognition | undefined {
    const { recognise, input } = this.#deps
    if (!recognise || !(framed.hasPrefix || framed.kind === 'report')) return undefined
    if (serviceType(input) !== 'rabbitmq') return undefined
    return recognise(this.#text(framed).text, level)
  }

  #text({ bytes, texts, kind }: Framed): { text: string; isInvalid: boolean } {
    const from = kind === 'report' && texts.length > 2 ? 2 : 0
    if (texts.length - from <= 2) return decodeText(bytes, texts[from] ?? 0, texts[from + 1] ?? 0)
    let text = ''
    let isInvalid = false
    for (let index = from; index < texts.length; index += 2) {
      const line = decodeText(bytes, texts[index] ?? 0, texts[index + 1] ?? 0)
      text += index > from ? `\n${line.text}` : line.text
      isInvalid ||= line.isInvalid
    }
    return { text, isInvalid }
  }

  #writeEvent(
    framed: Framed,
    place: RecordPlace,
    level: Level | undefined,
    recognised: LineRecognition | undefined,
    isClean: boolean,
  ): number {
    const { event, isAccess } = this.#event(framed, place, level, recognised)
    const { redactor, deriver, derivingCodes, input } = this.#deps
    const derives = deriver && (isAccess || (event.event.code !== undefined && derivingCodes?.has(event.event.code)))
    const derived = derives ? deriver.derive(event, isClean) : []
    redactor?.event(event, isClean)
    let bytes = this.#pack(this.#packer, { topic: input.topic, key: this.#key, event })
    for (const one of derived) bytes += this.#pack(this.#deps.derived, one)
    return bytes
  }

  #pack(packer: RecordPacker, { topic, key, event }: Emitted): number {
    const json = jsonWithin(event)
    const { id } = event.event
    const { out } = packer
    packer.begin(topic, key, 3 * (json.length + id.length))
    const start = out.at
    out.text(json)
    const valueEnd = out.at
    out.text(id)
    packer.add(valueEnd, this.#msOf(event['@timestamp']))
    return valueEnd - start
  }

  /** What is derived from a line has its time. */
  #msOf(iso: string): number {
    if (iso !== this.#knownIso) {
      this.#knownIso = iso
      this.#knownMs = Date.parse(iso)
    }
    return this.#knownMs
  }
  #knownIso = ''
  #knownMs = 0

  #event(
    framed: Framed,
    place: RecordPlace,
    level: Level | undefined,
    recognised: LineRecognition | undefined,
  ): { event: ThumpEvent; isAccess: boolean } {
    const { text, isInvalid } = this.#text(framed)
    if (isInvalid) this.#deps.onInvalidBytes(1)
    const flags = [...flagsOf(framed, isInvalid, false)]
    const { bytes, prefix } = framed
    this.#knownIso = this.#iso ?? this.#clock.iso(bytes, prefix)
    this.#knownMs = this.#timeMs
    const base: ThumpEvent = {
      '@timestamp': this.#knownIso,
      event: {
        id: this.#idPrefix + place.offset.toString(36),
        dataset: this.#deps.input.dataset ?? 'rabbitmq.log',
        sequence: place.offset,
      },
      message: text === '' ? '(empty)' : text,
      ...this.#common(),
      log: {
        ...(level !== undefined && { level }),
        file: { path: place.livePath },
        offset: place.offset,
        ...(flags.length > 0 && { flags }),
      },
      ...(framed.hasPrefix &&
        prefix.pidEnd > prefix.pidStart && {
          rabbitmq: { pid: bytes.toString('latin1', prefix.pidStart, prefix.pidEnd) },
        }),
      ...this.#extras(),
    }
    if (framed.kind === 'access') return this.#access(base, text)
    if (framed.kind !== 'json') return { event: withRecognition(base, recognised), isAccess: false }
    const read = jsonLine(text, this.#zone)
    const event = read ? merge(base, read.fields) : base
    if (read?.time !== undefined) event['@timestamp'] = read.time
    const isOurs = event.service.type === 'rabbitmq'
    const found = isOurs ? this.#deps.recognise?.(event.message, event.log?.level) : undefined
    return { event: withRecognition(event, found), isAccess: false }
  }

  #access(base: ThumpEvent, text: string): { event: ThumpEvent; isAccess: boolean } {
    const { input, parseAccessLine, parseCombinedLine } = this.#deps
    const parse = input.format === 'combined' ? (parseCombinedLine ?? parseAccessLine) : parseAccessLine
    const fields = parse?.(text)
    base.event.dataset = input.dataset ?? 'rabbitmq.access'
    return { event: fields ? merge(base, fields, input.dataset) : base, isAccess: fields !== undefined }
  }
}

function withRecognition(event: ThumpEvent, found: LineRecognition | undefined): ThumpEvent {
  if (!found) return event
  const { code, category, outcome, fields } = found
  const merged = merge(event, fields)
  merged.event.code = code
  if (category) merged.event.category = [...category]
  if (outcome) merged.event.outcome = outcome
  return merged
}

/** `rabbitmq`, or the first part of the input's own dataset. */
const serviceType = ({ dataset }: LogInput): string =>
  dataset === undefined ? 'rabbitmq' : (dataset.split('.')[0] ?? 'rabbitmq')

/** What the prefix says is known: only what follows it can hold anything else. */
const textStart = ({ hasPrefix, texts, start }: Framed): number => (hasPrefix ? (texts[0] ?? start) : start)

function jsonWithin(event: ThumpEvent): string {
  const json = JSON.stringify(event)
  const isLarge = json.length > maxEventBytes / 3 && Buffer.byteLength(json) > maxEventBytes
  return isLarge ? JSON.stringify(shortened(event)) : json
}

function reportTime(header: string, zone: (wallMs: number) => number, out: Stamp): boolean {
  const found = /=== (\d{1,2})-(\w{3})-(\d{4})::(\d\d:\d\d):(\d\d)(?:\.(\d+))? ===/.exec(header)
  if (!found) return false
  const [, day = '', monthName = '', year = '', minute = '', second = '', fraction = ''] = found
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].indexOf(monthName)
  const ms = minuteOf(`${year}-${String(month + 1).padStart(2, '0')}-${day.padStart(2, '0')} ${minute}`, zone)
  if (month === -1 || Number.isNaN(ms)) return false
  return epoch(`${String(Math.floor(ms / 1000) + Number(second)).padStart(10, '0')}${fraction}`, out)
}

/** The rest of an object without its first brace, in ASCII: other characters escaped. */
function latin1Json(value: object): string {
  const json = JSON.stringify(value).slice(1)
  return json.replace(/[\u0080-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function shortened(event: ThumpEvent): ThumpEvent {
  const flags = [...new Set([...(event.log?.flags ?? []), 'truncated'])]
  const { app: _, ...kept } = event
  return { ...kept, event: event.event, message: event.message.slice(0, 150_000), log: { ...event.log, flags } }
}
