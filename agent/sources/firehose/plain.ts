import type { Json } from '../../../event/event.ts'

/** Headers are a stranger's: bounded in text, breadth and depth, so that no event exceeds a topic's limit. */
const maxText = 8192
const maxItems = 200
const maxDepth = 8

/** A value as the AMQP library decoded it, as JSON; undefined for what says nothing (null, empty text, too deep). */
export function plain(value: unknown, depth = 0): Json | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value.slice(0, maxText)
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null || depth > maxDepth) return undefined
  if (Buffer.isBuffer(value)) return `(${value.length} bytes)`
  if (Array.isArray(value)) {
    const items: Json[] = []
    for (const item of value.slice(0, maxItems)) {
      const json = plain(item, depth + 1)
      if (json !== undefined) items.push(json)
    }
    return items
  }
  return '!' in value ? typed(value as { '!': unknown; value?: unknown }) : plainTable(value, depth + 1)
}

/** A table; what is left of it after dropping what says nothing. */
export function plainTable(table: object, depth = 0): Record<string, Json> {
  const found: Record<string, Json> = {}
  let count = 0
  const items = table as Readonly<Record<string, unknown>>
  for (const key of Object.keys(items)) {
    // RabbitMQ 3's AMQP 1.0 plugin keeps encoded sections in these: bytes, not text.
    if (key.startsWith('x-amqp-1.0-')) continue
    if (++count > maxItems) break
    const json = plain(items[key], depth)
    if (json !== undefined) found[key.slice(0, 256)] = json
  }
  return found
}

/** The library wraps what JSON has no type for. */
function typed({ '!': type, value }: { '!': unknown; value?: unknown }): Json | undefined {
  if (type === 'timestamp' && typeof value === 'number') return isoOf(value) ?? value
  if (type === 'decimal' && typeof value === 'object' && value !== null) {
    const { digits, places } = value as { digits?: unknown; places?: unknown }
    return typeof digits === 'number' && typeof places === 'number' ? digits / 10 ** places : undefined
  }
  return undefined
}

/** Some clients put milliseconds where the protocol has seconds. */
function isoOf(seconds: number): string | undefined {
  const ms = seconds > 1e11 ? seconds : seconds * 1000
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : undefined
}
