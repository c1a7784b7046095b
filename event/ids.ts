import { hash, randomBytes } from 'node:crypto'

/** 128 bits as 22 characters of base64url: short as a document id, and far beyond any collision. */
function digest(parts: readonly string[]): string {
  // The length before each part: ['a','bc'] and ['ab','c'] are different things.
  let text = ''
  for (const part of parts) text += `${part.length}:${part}`
  return hash('sha256', text, 'base64url').slice(0, 22)
}

/** A log record: the same bytes of the same file generation always give the same id. */
export function logEventId(agentId: string, generationId: string, offset: number): string {
  return `${agentId}-${generationId}-${offset.toString(36)}`
}

/** An event derived from another (an operation seen in a line, an attribution). */
export function derivedEventId(sourceId: string, dataset: string, ordinal: number): string {
  return digest(['derived', sourceId, dataset, String(ordinal)])
}

/** An event of the event exchange: all nodes and all agents derive the same id from the same message. */
export function exchangeEventId(
  cluster: string,
  routingKey: string,
  timestampMs: number,
  headers: Readonly<Record<string, unknown>>,
): string {
  return digest(['event', cluster, routingKey, String(timestampMs), canonicalJson(headers)])
}

/** 128 random bits of this process, then a count: as unique as random throughout, and far cheaper to make and to compress. */
const uniquePrefix = randomBytes(16).toString('base64url')
let made = 0

/** For traces, metrics and what happens once. */
export function uniqueEventId(): string {
  return `${uniquePrefix}-${(made++).toString(36)}`
}

/** JSON with sorted keys: equal for equal content, whatever order a broker's map came in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'bigint') return value.toString()
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('base64'))
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
