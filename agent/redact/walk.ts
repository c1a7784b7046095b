import type { ThumpEvent } from '../../event/event.ts'
import type { Count } from './detector.ts'
import { isSecretKey } from './secrets.ts'

type Mask = (text: string, count: Count) => string

/** Who, where and when: what an event is found by is not free text, and stays. */
const keptFields: ReadonlySet<string> = new Set([
  '@timestamp',
  'event',
  'host',
  'service',
  'agent',
  'log',
  'user',
  'source',
  'related',
  'redacted',
  'tags',
  'http',
])
/** RabbitMQ's own names of things; rules match on them. */
const keptNames: ReadonlySet<string> = new Set([
  'vhost',
  'exchange',
  'queue',
  'node',
  'queue_stats',
  'certificate',
  'routed_queues',
  'destination_exchange',
  'dead_lettered_from',
  'connection',
  'connection_pid',
  'pid',
  'clock',
  'latency_clock',
  'type',
  'status',
])
/** A body was masked when it was read, before it was cut; the operation is our own word. */
const keptBelow: Readonly<Record<string, ReadonlySet<string>>> = {
  rabbitmq: keptNames,
  amqp: new Set(['body', 'operation']),
}
const maxDepth = 20

/** Masks, in place, every text of an event that a stranger may have written. */
export function createEventMask(mask: Mask): (event: ThumpEvent, isMessageClean?: boolean) => void {
  // One walker for all events, for what they count is taken from it before the next comes.
  const counts = new Map<string, number>()
  const walker = createWalker(mask, (rule, found) => counts.set(rule, (counts.get(rule) ?? 0) + found))
  return (event, isMessageClean = false) => {
    counts.clear()
    const fields = event as Record<string, unknown>
    for (const field in fields) {
      if (keptFields.has(field) || (isMessageClean && field === 'message')) continue
      const value = fields[field]
      const masked = walker(value, keptBelow[field])
      if (masked !== value) fields[field] = masked
    }
    if (counts.size === 0) return
    for (const { rule, count: before } of event.redacted ?? []) counts.set(rule, (counts.get(rule) ?? 0) + before)
    event.redacted = [...counts].map(([rule, total]) => ({ rule, count: total }))
  }
}

const none: ReadonlySet<string> = new Set()
/** Keys of tables are few, and strangers' keys are bounded by forgetting all. */
const maxKeys = 5000
const maskedKey = 1
const secretKey = 2

/** New objects where something changes, the same ones where nothing does: parts may be shared between events. */
function createWalker(mask: Mask, count: Count) {
  const keys = new Map<string, number>()
  /** Is something of the key itself masked, and is what it names a secret? */
  const kindOf = (key: string): number => {
    let kind = keys.get(key)
    if (kind === undefined) {
      kind = (key.length >= 8 && mask(key, () => {}) !== key ? maskedKey : 0) | (isSecretKey(key) ? secretKey : 0)
      if (keys.size >= maxKeys) keys.clear()
      keys.set(key, kind)
    }
    return kind
  }
  const walk = (value: unknown, kept = none, depth = 0): unknown => {
    if (typeof value === 'string') return value === '' ? value : mask(value, count)
    if (typeof value === 'number') return number(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth > maxDepth) return '(too deep)'
    return Array.isArray(value) ? list(value, depth) : table(value as Record<string, unknown>, kept, depth)
  }
  /** A card or a phone number may stand as a number; a date or a size never is one. */
  const number = (value: number): unknown => {
    if (!Number.isInteger(value) || Math.abs(value) < 1e8) return value
    const text = String(value)
    const masked = mask(text, count)
    return masked === text ? value : masked
  }
  const list = (values: readonly unknown[], depth: number): unknown => {
    let changed: unknown[] | undefined
    for (let index = 0; index < values.length; index++) {
      const masked = walk(values[index], none, depth + 1)
      if (masked !== values[index]) (changed ??= [...values])[index] = masked
    }
    return changed ?? values
  }
  const table = (value: Record<string, unknown>, kept: ReadonlySet<string>, depth: number): unknown => {
    let changed: Record<string, unknown> | undefined
    for (const key in value) {
      if (kept.has(key)) continue
      const item = value[key]
      const kind = kindOf(key)
      const name = (kind & maskedKey) === 0 ? key : mask(key, count)
      const masked = (kind & secretKey) === 0 ? walk(item, none, depth + 1) : secret(item, depth)
      if (masked === item && name === key) continue
      changed ??= { ...value }
      if (name !== key) delete changed[key]
      changed[name] = masked
    }
    return changed ?? value
  }
  const secret = (item: unknown, depth: number): unknown => {
    if (typeof item === 'object' && item !== null) return walk(item, none, depth + 1)
    if (item === undefined || item === '' || item === '***' || typeof item === 'boolean') return item
    count('secrets', 1)
    return '***'
  }
  return walk
}
