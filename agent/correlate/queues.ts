import type { Json, RabbitmqFields } from '../../event/event.ts'
import { BoundedMap } from './bounded-map.ts'

/** What a queue is, so that its end can tell what it was. */
export interface KnownQueue {
  readonly facts: QueueFacts
  /** Connection that owns an exclusive queue. */
  readonly owner?: string | undefined
  consumersSeen: number
}
export interface QueueFacts {
  durable?: boolean
  auto_delete?: boolean
  exclusive?: boolean
  type?: string
  arguments?: Record<string, Json>
}

const maxQueues = 50_000
const keyOf = (vhost: string, queue: string) => JSON.stringify([vhost, queue])

/** Queues by vhost and name; bounded. */
export class Queues {
  readonly #known = new BoundedMap<KnownQueue>(maxQueues)

  get size(): number {
    return this.#known.size
  }

  get(fields: RabbitmqFields | undefined): KnownQueue | undefined {
    const { vhost, queue } = fields ?? {}
    return vhost === undefined || queue === undefined ? undefined : this.#known.get(keyOf(vhost, queue))
  }

  set({ vhost, queue }: RabbitmqFields, known: KnownQueue): void {
    if (vhost !== undefined && queue !== undefined) this.#known.set(keyOf(vhost, queue), known)
  }

  delete({ vhost, queue }: RabbitmqFields): void {
    if (vhost !== undefined && queue !== undefined) this.#known.delete(keyOf(vhost, queue))
  }

  entries(): IterableIterator<[string, KnownQueue]> {
    return this.#known.entries()
  }

  restore(key: string, known: KnownQueue): void {
    this.#known.set(key, known)
  }
}

export function queueFacts(fields: RabbitmqFields): QueueFacts {
  const { durable, auto_delete, exclusive, type, arguments: given } = fields
  return {
    ...(durable !== undefined && { durable }),
    ...(auto_delete !== undefined && { auto_delete }),
    ...(exclusive !== undefined && { exclusive }),
    ...(type !== undefined && { type }),
    ...(given !== undefined && { arguments: given }),
  }
}
