import type { ThumpEvent } from '../event/event.ts'
import { labelOf, printable } from './format-event.ts'

const mostNamed = 6

/** What passed by, for the last line. */
export interface Tally {
  add(event: ThumpEvent): void
  /** `128 events in 60 s: 40 queue.declare, 38 queue.delete, 50 others; 3 of them failures or errors` */
  sentence(seconds: number): string
}

export function createTally(): Tally {
  const kinds = new Map<string, number>()
  let total = 0
  let bad = 0
  return {
    add(event) {
      total++
      const label = printable(labelOf(event))
      kinds.set(label, (kinds.get(label) ?? 0) + 1)
      if (event.event.outcome === 'failure' || /^(error|critical|alert|emergency)$/.test(event.log?.level ?? '')) bad++
    },
    sentence(seconds) {
      const head = `${total} ${total === 1 ? 'event' : 'events'} in ${Math.round(seconds)} s`
      if (total === 0) return head
      const sorted = [...kinds].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      const named = sorted.slice(0, mostNamed).map(([label, count]) => `${count} ${label}`)
      const others = sorted.slice(mostNamed).reduce((sum, [, count]) => sum + count, 0)
      const list = others > 0 ? [...named, `${others} others`] : named
      return `${head}: ${list.join(', ')}${bad > 0 ? `; ${bad} of them failures or errors` : ''}`
    },
  }
}
