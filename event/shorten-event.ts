import { decodeEvent } from './encode.ts'
import type { ThumpEvent } from './event.ts'

/** What says which event it is, and when, where and from whom: kept whole. */
const kept = new Set(['@timestamp', 'event', 'service', 'agent', 'host', 'log', 'redacted'])
/** Less of a text says nothing any more. */
const leastLetters = 64

/** A little more than half: one text halved is enough, whatever stands around it. */
const part = 5 / 8

/**
 * The same event in about half of its bytes, flagged `truncated`: whatever field is the largest gives the most.
 * Undefined where nothing is left to take away, or where it is no event.
 */
export function shortenEvent(value: Uint8Array): Buffer | undefined {
  const decoded = decodeEvent(value)
  if (decoded.kind === 'invalid') return undefined
  const event = flagged(decoded.event)
  const content = event.amqp?.body?.content
  const most = Math.floor(value.length * part)
  while (bytesOf(event) > most) {
    const largest = Object.keys(event)
      .filter((name) => !kept.has(name))
      .toSorted((a, b) => bytesOf(event[b]) - bytesOf(event[a]))[0]
    if (largest === undefined) return undefined
    const less = halved(event[largest])
    if (less !== undefined) event[largest] = less
    else if (largest === 'message') return undefined
    else delete event[largest]
  }
  const body = event.amqp?.body
  if (body && body.content !== content) event.amqp = { ...event.amqp, body: { ...body, truncated: true } }
  return Buffer.from(JSON.stringify(event))
}

function flagged(event: ThumpEvent): ThumpEvent {
  return { ...event, log: { ...event.log, flags: [...new Set([...(event.log?.flags ?? []), 'truncated'])] } }
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')

/** About half of it, or less; undefined where no part of it can be left. */
function halved(value: unknown): unknown {
  if (typeof value === 'string') return value.length < 2 * leastLetters ? undefined : firstHalf(value)
  if (Array.isArray(value)) return halvedList(value)
  return typeof value === 'object' && value !== null ? halvedObject(value) : undefined
}

/** Never between the two halves of one letter. */
function firstHalf(text: string): string {
  const end = Math.floor(text.length / 2)
  return text.slice(0, (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end)
}

function halvedList(list: readonly unknown[]): unknown {
  if (list.length > 1) return list.slice(0, Math.floor(list.length / 2))
  const less = halved(list[0])
  return less === undefined ? undefined : [less]
}

/** One member that is most of it gives of its own; of many the first ones stay. */
function halvedObject(object: object): unknown {
  const members = Object.entries(object).map(([name, value]) => ({
    name,
    value: value as unknown,
    bytes: bytesOf(value),
  }))
  const half = members.reduce((sum, { bytes }) => sum + bytes, 0) / 2
  const left: Record<string, unknown> = {}
  let bytes = 0
  for (const member of members) {
    bytes += member.bytes
    const less = member.bytes >= half ? halved(member.value) : bytes <= half ? member.value : undefined
    if (less !== undefined) left[member.name] = less
    // What is most of it does not push out the others.
    if (member.bytes >= half) bytes -= member.bytes
  }
  return Object.keys(left).length > 0 ? left : undefined
}
