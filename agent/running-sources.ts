import type { Health } from '../runtime/health.ts'
import type { Started } from '../runtime/shutdown.ts'
import type { Source, SourceStatus } from './source.ts'

/** The sources that run, each by its name; one of them can be replaced while the others go on. */
export class RunningSources {
  readonly #health: Health
  readonly #running = new Map<string, Started<SourceStatus>>()

  constructor(health: Health) {
    this.#health = health
  }

  async start(source: Source): Promise<void> {
    const { name } = source
    this.#running.set(name, await source.start())
    const ask = () => this.#running.get(name)?.value.ready() ?? { ok: true, detail: 'not configured' }
    this.#health.add({ name: `source-${name}`, kind: 'ready', ask })
  }

  /** Drains what runs under this name, then starts `next`, which goes on where it stopped. Undefined: nothing runs then. */
  async replace(name: string, next: Source | undefined): Promise<void> {
    const old = this.#running.get(name)
    this.#running.delete(name)
    await old?.stop()
    if (next) await this.start(next)
  }

  statuses(): ReadonlyMap<string, SourceStatus> {
    return new Map([...this.#running].map(([name, { value }]) => [name, value]))
  }

  /** Newest first; one that fails to stop does not keep the others. */
  async stop(): Promise<void> {
    const stopping = [...this.#running.values()].reverse()
    this.#running.clear()
    const failures: unknown[] = []
    for (const { stop } of stopping) await stop().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw new AggregateError(failures, 'sources did not stop cleanly')
  }
}
