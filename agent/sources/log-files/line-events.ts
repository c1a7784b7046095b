import type { Level, ThumpEvent } from '../../../event/event.ts'
import type { Framed } from '../../parse/formats/framing.ts'
import { type DecodedText, decodeText } from '../../parse/formats/text.ts'
import type { ZoneOffset } from '../../parse/formats/zone.ts'
import type { Identity } from '../../source.ts'
import type { LineRecognition, LineServices, LogInput } from './contract.ts'
import { flagsOf } from './flags.ts'
import { jsonLine } from './json-line.ts'
import { merge, mergeInto } from './merge.ts'

export interface LineEventsDeps extends LineServices {
  readonly input: LogInput
  readonly identity: Identity
  readonly onInvalidBytes: (count: number) => void
}

/** What is known of a record beside its bytes. */
export interface LineFacts {
  readonly id: string
  readonly iso: string
  readonly livePath: string
  readonly offset: number
  readonly level: Level | undefined
}

/** What all events of a generation share. Node and cluster may be learned later: then it is made anew. */
export type Common = Pick<ThumpEvent, 'service' | 'agent' | 'tags' | 'labels'> & Required<Pick<ThumpEvent, 'host'>>

/** Makes lines' events as objects, where the bytes alone do not do: of recognised, JSON and access lines, and what may be masked. */
export class LineEvents {
  readonly #deps: LineEventsDeps
  readonly #zone: ZoneOffset

  constructor(deps: LineEventsDeps, zone: ZoneOffset) {
    this.#deps = deps
    this.#zone = zone
  }

  common(): Common {
    const { identity, input } = this.#deps
    const [node, cluster] = [identity.node(), identity.cluster()]
    const { tags, labels } = input
    return {
      host: { name: identity.hostName },
      service: {
        type: serviceType(input),
        ...(cluster !== undefined && { name: cluster }),
        ...(node !== undefined && { node: { name: node } }),
      },
      agent: { id: identity.agentId, version: identity.agentVersion },
      ...(tags.length > 0 && { tags: [...tags] }),
      ...(Object.keys(labels).length > 0 && { labels: { ...labels } }),
    }
  }

  /** RabbitMQ's own records only; what a JSON line says is known once it is parsed. */
  recognise(framed: Framed, said: DecodedText, level: Level | undefined): LineRecognition | undefined {
    const { recognise, input } = this.#deps
    if (!recognise || !(framed.hasPrefix || framed.kind === 'report')) return undefined
    return serviceType(input) === 'rabbitmq' ? recognise(said.text, level) : undefined
  }

  /** `isAccess`: an access line that was understood. */
  event(
    framed: Framed,
    { text, isInvalid }: DecodedText,
    facts: LineFacts,
    common: Common,
    recognised: LineRecognition | undefined,
  ): { event: ThumpEvent; isAccess: boolean } {
    if (isInvalid) this.#deps.onInvalidBytes(1)
    const base = this.#base(framed, facts, common, text, flagsOf(framed, isInvalid, false))
    if (framed.kind === 'access') return this.#access(base, text)
    if (framed.kind !== 'json') return { event: withRecognition(base, recognised), isAccess: false }
    const read = jsonLine(text, this.#zone)
    const event = read ? merge(base, read.fields) : base
    if (read?.time !== undefined) event['@timestamp'] = read.time
    const isOurs = event.service.type === 'rabbitmq'
    const found = isOurs ? this.#deps.recognise?.(event.message, event.log?.level) : undefined
    return { event: withRecognition(event, found), isAccess: false }
  }

  #base(framed: Framed, facts: LineFacts, common: Common, text: string, flags: readonly string[]): ThumpEvent {
    const { bytes, prefix, hasPrefix } = framed
    const { id, iso, livePath, offset, level } = facts
    const { host, service, agent, tags, labels } = common
    const event: ThumpEvent = {
      '@timestamp': iso,
      event: { id, dataset: this.#deps.input.dataset ?? 'rabbitmq.log', sequence: offset },
      message: text === '' ? '(empty)' : text,
      host,
      service,
      agent,
      log: level === undefined ? { file: { path: livePath }, offset } : { level, file: { path: livePath }, offset },
    }
    if (event.log && flags.length > 0) event.log.flags = [...flags]
    if (tags) event.tags = tags
    if (labels) event.labels = labels
    if (hasPrefix && prefix.pidEnd > prefix.pidStart)
      event.rabbitmq = { pid: bytes.toString('latin1', prefix.pidStart, prefix.pidEnd) }
    return event
  }

  #access(base: ThumpEvent, text: string): { event: ThumpEvent; isAccess: boolean } {
    const { input, parseAccessLine, parseCombinedLine } = this.#deps
    const parse = input.format === 'combined' ? (parseCombinedLine ?? parseAccessLine) : parseAccessLine
    const fields = parse?.(text)
    base.event.dataset = input.dataset ?? 'rabbitmq.access'
    return { event: fields ? merge(base, fields, input.dataset) : base, isAccess: fields !== undefined }
  }
}

/** A record's lines without their prefixes. */
export function textOf({ bytes, texts, kind }: Framed): DecodedText {
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

function withRecognition(event: ThumpEvent, found: LineRecognition | undefined): ThumpEvent {
  if (!found) return event
  const { code, category, outcome, fields } = found
  mergeInto(event, fields)
  event.event.code = code
  if (category) event.event.category = [...category]
  if (outcome) event.event.outcome = outcome
  return event
}

/** `rabbitmq`, or the first part of the input's own dataset. */
const serviceType = ({ dataset }: LogInput): string =>
  dataset === undefined ? 'rabbitmq' : (dataset.split('.')[0] ?? 'rabbitmq')
