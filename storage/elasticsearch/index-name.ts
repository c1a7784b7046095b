import type { TopicName } from '../../event/topics.ts'

/** What is stored: DEADLETTER is not, it holds what could not be. */
export const storedTopics = { APP: 'app', AMQP: 'amqp', METRIC: 'metric', THUMP: 'self' } as const

// Fixed, not seen from now: the same event must land in the same index whenever it is written again.
const firstDay = Date.UTC(2000, 0, 1)
const lastDay = Date.UTC(2100, 0, 1)

/**
 * `thump-app-2026.11.22`: by the event's own UTC day. A date that cannot be true must not make an index of its own: those
 * share `thump-app-undated`.
 */
export function indexName(prefix: string, topic: TopicName, atMs: number): string {
  const slug = topic === 'DEADLETTER' ? 'self' : storedTopics[topic]
  return `${prefix}-${slug}-${atMs >= firstDay && atMs < lastDay ? dayName(atMs) : 'undated'}`
}

let known: { readonly day: number; readonly name: string } | undefined

/** Most events are of one day: its name is made once. */
function dayName(atMs: number): string {
  const day = Math.floor(atMs / 86_400_000)
  if (known?.day !== day) known = { day, name: new Date(atMs).toISOString().slice(0, 10).replaceAll('-', '.') }
  return known.name
}

/** The indices of one topic, and of no other installation whose prefix begins like ours. */
export function topicPatterns(prefix: string, slug: string): string[] {
  return [`${prefix}-${slug}-20*`, `${prefix}-${slug}-undated`]
}

export function indexPatterns(prefix: string): string[] {
  return Object.values(storedTopics).flatMap((slug) => topicPatterns(prefix, slug))
}

const dayOfName = /^(?:app|amqp|metric|self)-(20\d\d)\.(\d\d)\.(\d\d)$/

/** The UTC day of one of our indices, ms; undefined for the undated and for strangers. */
export function dayOfIndex(prefix: string, index: string): number | undefined {
  if (!index.startsWith(`${prefix}-`)) return undefined
  const match = dayOfName.exec(index.slice(prefix.length + 1))
  return match ? Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) : undefined
}
