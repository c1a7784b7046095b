import { encodeEvent, schemaVersion, streamKey } from '../../../event/encode.ts'
import type { Level, ThumpEvent } from '../../../event/event.ts'
import { logEventId } from '../../../event/ids.ts'
import type { OutRecord } from '../../../transport/transport.ts'
import type { Framed } from '../../parse/formats/framing.ts'
import { levelOf, reportLevel } from '../../parse/formats/level.ts'
import { createStamper, epoch, minuteOf, type Stamp } from '../../parse/formats/stamp.ts'
import { decodeText } from '../../parse/formats/text.ts'
import { createZone } from '../../parse/formats/zone.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Identity } from '../../source.ts'
import { ByteWriter } from './byte-writer.ts'
import type { LineRecognition, LineServices, LogInput } from './contract.ts'
import { jsonLine } from './json-line.ts'
import { merge } from './merge.ts'

/** Kafka refuses records beyond 1 MiB with their headers; an event that would be larger is cut and flagged. */
const maxEventBytes = 1_000_000

/** Whose record it is. */
export interface RecordPlace {
  readonly generationId: string
  readonly livePath: string
  /** Where the record begins in the file. */
  readonly offset: number
}

export interface EventWriterDeps extends LineServices {
  readonly input: LogInput
  readonly identity: Identity
  readonly now: Clock
  readonly onInvalidBytes: (count: number) => void
}

const flagNames = ['multiline', 'truncated', 'partial', 'continued', 'invalid-utf8'] as const
const separator = Buffer.from('\n')

/** Turns framed bytes into records for the transport: straight to bytes for a plain RabbitMQ line, by an object for the rest. */
export class EventWriter {
  readonly #deps: EventWriterDeps
  readonly #out = new ByteWriter()
  readonly #stamper
  readonly #zone
  readonly #stamp: Stamp = { iso: '', ms: 0 }
  #tailFor = ''
  #tail = ''
  #headFor: RecordPlace['generationId'] | undefined
  #idPrefix = ''
  #head = Buffer.alloc(0)
  #file = Buffer.alloc(0)
  #key = ''

  constructor(deps: EventWriterDeps) {
    this.#deps = deps
    this.#zone = createZone(deps.input.timezone)
    this.#stamper = createStamper(this.#zone)
  }

  /** Appends the record, and what is derived from it, to `into`; returns the bytes added. */
  write(framed: Framed, place: RecordPlace, into: OutRecord[]): number {
    this.#prepare(place)
    const level = this.#times(framed)
    const { redactor } = this.#deps
    const recognised = this.#recognise(framed, level)
    const isPlain =
      !recognised &&
      framed.kind !== 'json' &&
      framed.kind !== 'access' &&
      redactor?.mayHit(framed.bytes, framed.start, framed.end) !== true
    if (isPlain) return this.#writeBytes(framed, place, level, into)
    return this.#writeEvent(framed, place, level, recognised, into)
  }

  #prepare(place: RecordPlace): void {
    const { identity, input } = this.#deps
    const about = `${identity.node() ?? ''} ${identity.cluster() ?? ''}`
    if (about !== this.#tailFor) {
      this.#tailFor = about
      this.#tail = ''
    }
    if (this.#tail === '') this.#tail = latin1Json({ ...this.#common(), ...this.#extras() })
    if (this.#headFor === place.generationId) return
    this.#headFor = place.generationId
    this.#idPrefix = logEventId(identity.agentId, place.generationId, 0).slice(0, -1)
    this.#head = Buffer.from(`","event":{"id":${JSON.stringify(this.#idPrefix).slice(0, -1)}`)
    this.#file = Buffer.from(`"file":{"path":${JSON.stringify(place.livePath)}},"offset":`)
    this.#key = streamKey(identity.keyNode(), place.livePath)
    this.#dataset = JSON.stringify(input.dataset ?? 'rabbitmq.log')
  }
  #dataset = ''

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

  /** Sets the stamp; returns the level. */
  #times(framed: Framed): Level | undefined {
    const stamp = this.#stamp
    const { bytes, prefix } = framed
    if (framed.hasPrefix) {
      if (!this.#stamper(bytes, prefix, stamp)) this.#stampNow()
      return levelAt(bytes, prefix.levelStart, prefix.levelEnd)
    }
    if (framed.kind === 'report') {
      const header = bytes.toString('latin1', framed.texts[0] ?? 0, framed.texts[1] ?? 0)
      if (!reportTime(header, this.#zone, stamp)) this.#stampNow()
      return reportLevel(/^=(\w+)/.exec(header)?.[1] ?? '')
    }
    this.#stampNow()
    return undefined
  }

  #stampNow(): void {
    this.#stamp.ms = this.#deps.now()
    this.#stamp.iso = new Date(this.#stamp.ms).toISOString()
  }

  /** RabbitMQ's own records only; what a JSON line says is known once it is parsed. */
  #recognise(framed: Framed, level: Level | undefined): LineRecognition | undefined {
    const { recognise, mayRecognise, input } = this.#deps
    if (!recognise || !(framed.hasPrefix || framed.kind === 'report')) return undefined
    if (serviceType(input) !== 'rabbitmq' || mayRecognise?.(framed.bytes, framed.start, framed.end) === false)
      return undefined
    return recognise(this.#text(framed).text, level)
  }

  #text({ bytes, texts, kind }: Framed): { text: string; isInvalid: boolean } {
    const from = kind === 'report' ? 2 : 0
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

  #writeBytes(framed: Framed, place: RecordPlace, level: Level | undefined, into: OutRecord[]): number {
    const { texts, bytes, prefix } = framed
    const out = this.#out
    const fixed = this.#head.length + this.#file.length + this.#tail.length + 400
    out.begin(fixed + Math.min(maxEventBytes + 16, 6 * (framed.end - framed.start) + texts.length * 2))
    const limit = maxEventBytes - fixed
    const id36 = place.offset.toString(36)
    out.ascii('{"@timestamp":"')
    out.ascii(this.#stamp.iso)
    out.raw(this.#head, 0, this.#head.length)
    out.ascii(id36)
    out.ascii('","dataset":')
    out.ascii(this.#dataset)
    out.ascii(',"sequence":')
    out.decimal(place.offset)
    out.ascii('},"message":"')
    const before = out.length
    const from = framed.kind === 'report' && texts.length > 2 ? 2 : 0
    let isWhole = true
    for (let index = from; index < texts.length && isWhole; index += 2) {
      if (index > from) isWhole = out.jsonText(separator, 0, 1, limit)
      isWhole &&= out.jsonText(bytes, texts[index] as number, texts[index + 1] as number, limit)
    }
    if (out.length === before) out.ascii('(empty)')
    if (out.invalidBytes > 0) this.#deps.onInvalidBytes(out.invalidBytes)
    out.ascii('","log":{')
    if (level !== undefined) out.ascii(`"level":"${level}",`)
    out.raw(this.#file, 0, this.#file.length)
    out.decimal(place.offset)
    const flags = flagsOf(framed, out.invalidBytes > 0, !isWhole)
    if (flags.length > 0) out.ascii(`,"flags":${JSON.stringify(flags)}`)
    out.ascii('},')
    if (framed.hasPrefix && prefix.pidEnd > prefix.pidStart) {
      out.ascii('"rabbitmq":{"pid":"')
      out.jsonText(bytes, prefix.pidStart, Math.min(prefix.pidEnd, prefix.pidStart + 60), maxEventBytes)
      out.ascii('"},')
    }
    out.ascii(this.#tail)
    const value = out.take()
    into.push({
      topic: this.#deps.input.topic,
      key: this.#key,
      value,
      headers: { schema: schemaVersion, id: this.#idPrefix + id36 },
      timestampMs: this.#stamp.ms,
    })
    return value.length
  }

  #writeEvent(
    framed: Framed,
    place: RecordPlace,
    level: Level | undefined,
    recognised: LineRecognition | undefined,
    into: OutRecord[],
  ): number {
    const { event, isAccess } = this.#event(framed, place, level, recognised)
    const { redactor, deriver, derivingCodes, input } = this.#deps
    const derives = deriver && (isAccess || (event.event.code !== undefined && derivingCodes?.has(event.event.code)))
    const derived = derives ? deriver.derive(event) : []
    redactor?.event(event)
    let bytes = 0
    for (const emitted of [{ topic: input.topic, key: this.#key, event }, ...derived]) {
      let record = encodeEvent(emitted)
      if (record.value.length > maxEventBytes) record = encodeEvent({ ...emitted, event: shortened(emitted.event) })
      into.push(record)
      bytes += record.value.length
    }
    return bytes
  }

  #event(
    framed: Framed,
    place: RecordPlace,
    level: Level | undefined,
    recognised: LineRecognition | undefined,
  ): { event: ThumpEvent; isAccess: boolean } {
    const { text, isInvalid } = this.#text(framed)
    if (isInvalid) this.#deps.onInvalidBytes(1)
    const flags = flagsOf(framed, isInvalid, false)
    const { bytes, prefix } = framed
    const base: ThumpEvent = {
      '@timestamp': this.#stamp.iso,
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

function flagsOf(framed: Framed, isInvalid: boolean, isCut: boolean): string[] {
  const isMultiline = framed.texts.length > (framed.kind === 'report' ? 4 : 2)
  if (!isMultiline && !framed.isTruncated && !framed.isPartial && !framed.isContinued && !isInvalid && !isCut) return []
  const set = [isMultiline, framed.isTruncated || isCut, framed.isPartial, framed.isContinued, isInvalid]
  return flagNames.filter((_, index) => set[index])
}

function levelAt(bytes: Buffer, start: number, end: number): Level | undefined {
  return levelOf(bytes.toString('latin1', start, end))
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
