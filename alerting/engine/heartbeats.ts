import type { ThumpEvent } from '../../event/event.ts'
import { fieldValue } from '../rules/field.ts'

const nodePath = ['service', 'node', 'name']
const silenceMs = 180_000

/** When each node's agent was heard last: where one has fallen silent nothing can be said of its broker. */
export class Heartbeats {
  readonly #atMs: Map<string, number>
  #hasNews = false

  constructor(saved: ReadonlyMap<string, number> = new Map()) {
    this.#atMs = new Map(saved)
  }

  hear(event: ThumpEvent, atMs: number): void {
    if (fieldValue(event, ['event', 'dataset']) !== 'thump.agent') return
    if (fieldValue(event, ['event', 'action']) !== 'heartbeat') return
    const node = fieldValue(event, nodePath)
    if (typeof node !== 'string') return
    this.#atMs.set(node, Math.max(this.#atMs.get(node) ?? atMs, atMs))
    this.#hasNews = true
  }

  /** Is one of these nodes' agents silent? A key that no event has named yet may be anybody's: without nodes all are asked. */
  isSilent(nodes: readonly string[], watermarkMs: number): boolean {
    const asked = nodes.length > 0 ? nodes : [...this.#atMs.keys()]
    return asked.some((node) => (this.#atMs.get(node) ?? Number.POSITIVE_INFINITY) + silenceMs <= watermarkMs)
  }

  /** What was heard since the last time; undefined: nothing. */
  take(): ReadonlyMap<string, number> | undefined {
    const news = this.#hasNews ? new Map(this.#atMs) : undefined
    this.#hasNews = false
    return news
  }
}
