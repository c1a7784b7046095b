import type { ThumpEvent } from '../event/event.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Shutdown } from '../runtime/shutdown.ts'
import { openTransport } from '../transport/open-transport.ts'
import type { Context } from './context.ts'
import { followEvents } from './follow.ts'

/** What arrives from now on, held back until it is released. */
export interface Live {
  /** Hands on what came meanwhile and what comes, each event once: not those that were shown before. */
  release(): void
  /** An event that was found another way: shown by `print`, and not handed on again. */
  show(event: ThumpEvent, print: (event: ThumpEvent) => void): void
  /** An event that may have been missed: handed on unless it was shown. */
  offer(event: ThumpEvent): void
}

const topics = ['APP', 'AMQP', 'METRIC', 'THUMP'] as const
/** Enough to know an event again that a search and the log both give. */
const maxRemembered = 20_000
/** A search that takes so long is overtaken, rather than the memory filled. */
const maxHeld = 10_000

/** Begins before the first search, so that nothing falls between what is stored and what arrives. */
export async function startLive(
  { config, log }: Pick<Context, 'config' | 'log'>,
  shutdown: Shutdown,
  onEvent: (event: ThumpEvent) => void,
): Promise<Live> {
  const deps = { log, metrics: createMetrics(), now: systemClock }
  const transport = shutdown.own('transport', await openTransport(config, deps, 'read'))
  const remembered = new Set<string>()
  let held: ThumpEvent[] | undefined = []
  const isNew = ({ event: { id } }: ThumpEvent) => {
    if (remembered.has(id)) return false
    remembered.add(id)
    const [oldest] = remembered
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest)
    return true
  }
  const hand = (event: ThumpEvent) => {
    if (isNew(event)) onEvent(event)
  }
  const release = () => {
    const waiting = held ?? []
    held = undefined
    for (const event of waiting) hand(event)
  }
  const following = await followEvents({
    transport,
    topics,
    role: `events-${process.pid}`,
    onEvent(event) {
      held?.push(event)
      if (!held) hand(event)
      else if (held.length >= maxHeld) release()
    },
  })
  shutdown.own('follow', following)
  return {
    release,
    show(event, print) {
      if (isNew(event)) print(event)
    },
    offer: hand,
  }
}
