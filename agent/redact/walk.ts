import type { ThumpEvent } from '../../event/event.ts'
import type { Count } from './redactor.ts'
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
const maxDepth = 20

/** Masks, in place, every text of an event that a stranger may have written. */
export function maskEvent(event: ThumpEvent, mask: Mask): void {
  const counts = new Map<string, number>()
  const count: Count = (rule, found) => counts.set(rule, (counts.get(rule) ?? 0) + found)
  const walker = createWalker(mask, count)
  const fields = event as Record<string, unknown>
  for (const [field, value] of Object.entries(fields)) {
    if (keptFields.has(field)) continue
    fields[field] = field === 'rabbitmq' ? rabbitmqOf(value, walker) : walker(value)
  }
  if (counts.size === 0) return
  for (const { rule, count: before } of event.redacted ?? []) counts.set(rule, (counts.get(rule) ?? 0) + before)
  event.redacted = [...counts].map(([rule, total]) => ({ rule, count: total }))
}

function rabbitmqOf(value: unknown, walker: (value: unknown) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return walker(value)
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, keptNames.has(name) ? item : walker(item)]),
  )
}

/** New objects where something changes, the same ones where nothing does: parts may be shared between events. */
function createWalker(mask: Mask, count: Count) {
  const walk = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'string') return value === '' ? value : mask(value, count)
    if (typeof value === 'number') return number(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth > maxDepth) return '(too deep)'
    return Array.isArray(value) ? value.map((item) => walk(item, depth + 1)) : table(value, depth)
  }
  /** A card or a phone number may stand as a number; a date or a size never is one. */
  const number = (value: number): unknown => {
    if (!Number.isInteger(value) || Math.abs(value) < 1e8) return value
    const text = String(value)
    const masked = mask(text, count)
    return masked === text ? value : masked
  }
  const table = (value: object, depth: number): unknown => {
    const result: Record<string, unknown> = {}
    for (const [key, item] of Object.entries(value)) {
      const name = key.length < 8 ? key : mask(key, count)
      result[name] = isSecretKey(key) ? secret(item, depth) : walk(item, depth + 1)
    }
    return result
  }
  const secret = (item: unknown, depth: number): unknown => {
    if (typeof item === 'object' && item !== null) return walk(item, depth + 1)
    if (item === '' || item === '***' || typeof item === 'boolean') return item
    count('secrets', 1)
    return '***'
  }
  return walk
}
