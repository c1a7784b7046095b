import type { TopicName } from '../../event/topics.ts'

/** What is stored: DEADLETTER is not, it holds what could not be. */
export const storedTopics = { APP: 'app', AMQP: 'amqp', METRIC: 'metric', THUMP: 'self' } as const

const firstDay = Date.UTC(2000, 0, 1)
const yearMs = 366 * 86_400_000

/**
 * `thump-app-2026.11.22`: by the event's own UTC day, so that the same event always lands in the same index. A date that
 * cannot be true must not make an index of its own: those share `thump-app-undated`.
 */
export function indexName(prefix: string, topic: TopicName, atMs: number, nowMs: number): string {
  const slug = topic === 'DEADLETTER' ? 'self' : storedTopics[topic]
  const isLikely = atMs >= firstDay && atMs < nowMs + yearMs
  return `${prefix}-${slug}-${isLikely ? dayName(atMs) : 'undated'}`
}

let known: { readonly day: number; readonly name: string } | undefined

/** Most events are of one day: its name is made once. */
function dayName(atMs: number): string {
  const day = Math.floor(atMs / 86_400_000)
  if (known?.day !== day) known = { day, name: new Date(atMs).toISOString().slice(0, 10).replaceAll('-', '.') }
  return known.name
}

export function indexPattern(prefix: string): string[] {
  return Object.values(storedTopics).map((slug) => `${prefix}-${slug}-*`)
}

/** The UTC day of an index, ms; undefined for the undated and for strangers. */
export function dayOfIndex(prefix: string, index: string): number | undefined {
  if (!index.startsWith(`${prefix}-`)) return undefined
  const match = /-(\d{4})\.(\d{2})\.(\d{2})$/.exec(index)
  return match ? Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) : undefined
}
