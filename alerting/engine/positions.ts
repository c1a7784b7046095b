import type { TopicName } from '../../event/topics.ts'
import type { ReadPosition } from './changes.ts'

export interface Position {
  readonly topic: TopicName
  readonly partition: number
  /** The offset to be read next. */
  next: number
}

/** Where reading goes on in each partition, and how far its clock had come when it was given back. */
export class Positions {
  readonly #all = new Map<string, Position>()
  readonly #clocks = new Map<string, number>()
  readonly #touched = new Set<string>()

  constructor(saved: readonly ReadPosition[] = []) {
    for (const { topic, partition, next, clockMs } of saved) {
      this.#all.set(`${topic} ${partition}`, { topic, partition, next })
      this.keepClock(topic, partition, clockMs)
    }
  }

  keepClock(topic: TopicName, partition: number, clockMs: number): void {
    this.#clocks.set(`${topic} ${partition}`, clockMs)
  }

  keptClock(topic: TopicName, partition: number): number | undefined {
    return this.#clocks.get(`${topic} ${partition}`)
  }

  next(topic: TopicName, partition: number): number | undefined {
    return this.#all.get(`${topic} ${partition}`)?.next
  }

  /** To be moved by the caller; it counts as touched. */
  touch(topic: TopicName, partition: number): Position {
    const key = `${topic} ${partition}`
    this.#touched.add(key)
    let position = this.#all.get(key)
    if (!position) this.#all.set(key, (position = { topic, partition, next: 0 }))
    return position
  }

  /** Those that moved since the last time. */
  take(clockOf: (topic: TopicName, partition: number) => number): ReadPosition[] {
    const moved = [...this.#touched].flatMap((key) => this.#all.get(key) ?? [])
    this.#touched.clear()
    return moved.map((position) => ({ ...position, clockMs: clockOf(position.topic, position.partition) }))
  }
}
