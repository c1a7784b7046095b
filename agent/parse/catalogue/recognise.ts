import type { Level, RabbitmqFields, ThumpEvent } from '../../../event/event.ts'
import { type Captures, capturesOf } from './captures.ts'
import { connectionContext } from './connection-context.ts'
import { entries } from './entries.ts'
import type { Entry } from './entry.ts'

/** What the catalogue knows of a line; `fields` are merged into the line's event. */
export interface Recognition {
  readonly code: string
  readonly category?: string[]
  readonly outcome?: 'success' | 'failure'
  readonly fields: RecognisedFields
}
export type RecognisedFields = Pick<Partial<ThumpEvent>, 'user' | 'source' | 'client' | 'rabbitmq'> & {
  service?: { node: { name: string } }
}

/** What tells one message from another stands in its beginning; a crash dump may go on for a megabyte. */
const maxText = 2048

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
/** One pass over the line says whether any row can match: most lines are none of ours. */
const anyHint = new RegExp([...new Set(entries.map(({ hint }) => escaped(hint)))].join('|'))

/** The rows whose hints stand in a text. Texts that differ in their numbers alone have the same: those are remembered. */
const candidates = new Map<string, readonly Entry[]>()
const maxCandidates = 2000
/** A log's recognised lines are mostly of a few shapes: those are known again without making a shape of the text. */
const latest: Array<{ readonly shape: string; readonly found: readonly Entry[] }> = []
const maxLatest = 4

function candidatesOf(text: string): readonly Entry[] {
  for (const one of latest) if (hasShape(text, one.shape)) return one.found
  const { shape, found } = shapeOf(text)
  latest.unshift({ shape, found })
  if (latest.length > maxLatest) latest.pop()
  return found
}

function shapeOf(text: string): { readonly shape: string; readonly found: readonly Entry[] } {
  const shape = text.replaceAll(/\d+/g, '0')
  const known = candidates.get(shape)
  if (known) return { shape, found: known }
  const found = anyHint.test(text) ? entries.filter(({ hint }) => text.includes(hint)) : []
  if (candidates.size >= maxCandidates) candidates.clear()
  candidates.set(shape, found)
  return { shape, found }
}

const isDigit = (code: number) => code >= 48 && code <= 57

/** Is the text the shape, but for its numbers? */
function hasShape(text: string, shape: string): boolean {
  let at = 0
  for (let index = 0; index < shape.length; index++) {
    const code = text.charCodeAt(at++)
    if (shape.charCodeAt(index) !== 48) {
      if (code !== shape.charCodeAt(index)) return false
    } else {
      if (!isDigit(code)) return false
      while (isDigit(text.charCodeAt(at))) at++
    }
  }
  return at === text.length
}

/** The catalogue's entry for a message (its lines joined, without prefixes); undefined where it is none. Never throws. */
export function recognise(message: string, _level?: Level): Recognition | undefined {
  const text = message.length > maxText ? message.slice(0, maxText) : message
  for (const entry of candidatesOf(text)) {
    const captures = capturesIn(entry)
    const found = captures.pattern.exec(text)
    if (found) return recognition(entry, captures, found, text)
  }
  return undefined
}

const known = new Map<Entry, Captures>()

function capturesIn(entry: Entry): Captures {
  let captures = known.get(entry)
  if (!captures) known.set(entry, (captures = capturesOf(entry.pattern)))
  return captures
}

const numeric = new Set([
  'channel',
  'free_bytes',
  'limit_bytes',
  'used_bytes',
  'timeout_s',
  'term',
  'dropped',
  'delivery_tag',
])

function recognition(
  { code, category, outcome }: Entry,
  { names }: Captures,
  found: RegExpExecArray,
  text: string,
): Recognition {
  const context = connectionContext(text)
  const rabbitmq: RabbitmqFields = {}
  if (context?.connection !== undefined) rabbitmq.connection = context.connection
  if (context?.vhost !== undefined) rabbitmq.vhost = context.vhost
  if (context?.channel !== undefined) rabbitmq.channel = context.channel
  let user = context?.user
  let about: { target?: string; target2?: string; queue2?: string; aboutNode?: string } | undefined
  for (let group = 0; group < names.length; group++) {
    const [name, value] = [names[group], found[group + 1]]
    if (name === undefined || value === undefined) continue
    // Groups with a place of their own in the event.
    if (name === 'user') user = value
    else if (isAbout(name)) (about ??= {})[name] = value
    else if (value !== '') rabbitmq[name] = numeric.has(name) ? Number(value) : value
  }
  const { aboutNode, target, target2 = target, queue2 } = about ?? {}
  if (queue2 !== undefined) rabbitmq.queue = queue2
  const fields: RecognisedFields = {}
  if (user !== undefined || target2 !== undefined) {
    fields.user = {}
    if (user !== undefined && user !== '') fields.user.name = user
    if (target2 !== undefined) fields.user.target = { name: target2 }
  }
  if (context !== undefined)
    fields.source = context.port === undefined ? { ip: context.ip } : { ip: context.ip, port: context.port }
  if (context?.client !== undefined) fields.client = { name: context.client }
  if (Object.keys(rabbitmq).length > 0) fields.rabbitmq = rabbitmq
  // In a cluster every node tells of an alarm: the event is about the node that has it.
  if (aboutNode !== undefined) fields.service = { node: { name: aboutNode } }
  return outcome === undefined
    ? { code, category: [category], fields }
    : { code, category: [category], outcome, fields }
}

const isAbout = (name: string) => name === 'target' || name === 'target2' || name === 'queue2' || name === 'aboutNode'
