import { ownQueuePrefix } from '../../broker/own-names.ts'
import type { TraceBindings } from './queue.ts'
import { matchesTopic } from './topic-pattern.ts'

/** A node's counters of one vhost, by series; each only grows until its channel, queue or exchange is gone. */
export type CounterSeries = ReadonlyMap<string, number>

const line = /^rabbitmq_detailed_(\w+_total)\{(.*)\} (\S+)$/gm
const published = /^(?:exchange|channel)_messages_published_total$/
const delivered = /^(?:queue|channel)_(?:get_ack|get|messages_delivered_ack|messages_delivered)_total$/

/**
 * Of a node's `/metrics/detailed` those counters that tell of publishes and deliveries which the bindings let through,
 * Thump's own queues left out. Where a broker counts by exchange and queue, its counts by channel are not asked for.
 */
export function seriesOf(text: string, vhost: string, bindings: TraceBindings): CounterSeries {
  const found = new Map<string, number>()
  const isBound = memo((kind: 'publish' | 'deliver', name: string) => {
    if (kind === 'deliver' && name.startsWith(ownQueuePrefix)) return false
    return bindings[kind].some((pattern) => matchesTopic(pattern === 'amq.default' ? '' : pattern, name))
  })
  for (const [, name = '', labels = '', value = ''] of text.matchAll(line)) {
    const kind = published.test(name) ? 'publish' : delivered.test(name) ? 'deliver' : undefined
    if (kind === undefined || labelOf(labels, 'vhost') !== vhost) continue
    const what = labelOf(labels, kind === 'publish' ? 'exchange' : 'queue')
    if (what !== undefined && isBound(kind, what)) found.set(`${name}{${labels}}`, Number(value))
  }
  return found
}

/** What was added since the last look: a series that begins counts whole, one that fell began anew, one that is gone kept its rest to itself. */
export function addedSince(before: CounterSeries, after: CounterSeries): number {
  let sum = 0
  for (const [key, value] of after) {
    const last = before.get(key) ?? 0
    sum += value >= last ? value - last : value
  }
  return sum
}

/** Values of the text format escape a quote, a backslash and a line's end. */
function labelOf(labels: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|,)${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(labels)?.[1]
  return found?.replace(/\\(.)/g, (_, mark: string) => (mark === 'n' ? '\n' : mark))
}

function memo(ask: (kind: 'publish' | 'deliver', name: string) => boolean) {
  const known = new Map<string, boolean>()
  return (kind: 'publish' | 'deliver', name: string): boolean => {
    const key = `${kind} ${name}`
    let answer = known.get(key)
    if (answer === undefined) known.set(key, (answer = ask(kind, name)))
    return answer
  }
}
