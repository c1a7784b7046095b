import { randomUUID } from 'node:crypto'
import { processesOf } from '../../demo/broker/processes.ts'
import { sleep } from '../../runtime/retry.ts'
import type { ForwardBench } from './forward-bench.ts'

/** Of a run's own indices. */
export const freshPrefix = () => `bench-${randomUUID().slice(0, 8)}`
export const javaOf = ({ elasticsearch }: ForwardBench) => processesOf(elasticsearch.base)

export const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Before Thump's own templates comes one that says nothing: the server's own settings, and it maps by itself. */
export async function leaveToServer({ elasticsearch: { url } }: ForwardBench, prefix: string): Promise<void> {
  const body = JSON.stringify({ index_patterns: [`${prefix}-*`], priority: 1000, template: {} })
  const headers = { 'content-type': 'application/json' }
  const { ok } = await fetch(`${url}/_index_template/${prefix}-dynamic`, { method: 'PUT', headers, body })
  if (!ok) throw new Error('the template that says nothing was refused')
}

/** What the server has begun is done: all can be found, and nothing is being merged. That CPU is the documents' too. */
export async function settled({ elasticsearch: { url } }: ForwardBench, prefix: string): Promise<void> {
  await fetch(`${url}/${prefix}-*/_refresh`, { method: 'POST' })
  for (;;) {
    const stats = (await (await fetch(`${url}/${prefix}-*/_stats/merge`)).json()) as {
      _all: { primaries: { merges: { current: number } } }
    }
    if (stats._all.primaries.merges.current === 0) return
    await sleep(50)
  }
}

/** Bytes on disk of all that the prefix holds, when everything is merged as it would be some hours later; then it goes. */
export async function diskBytes({ elasticsearch: { url } }: ForwardBench, prefix: string): Promise<number> {
  await fetch(`${url}/${prefix}-*/_forcemerge?max_num_segments=1`, { method: 'POST' })
  await fetch(`${url}/${prefix}-*/_flush?force=true`, { method: 'POST' })
  await fetch(`${url}/${prefix}-*/_refresh`, { method: 'POST' })
  const stats = (await (await fetch(`${url}/${prefix}-*/_stats/store,docs`)).json()) as {
    _all: { primaries: { store: { size_in_bytes: number }; docs: { count: number } } }
  }
  const indices = (await (await fetch(`${url}/_cat/indices/${prefix}-*?h=index`)).text()).trim().split('\n')
  for (const index of indices) await fetch(`${url}/${index}`, { method: 'DELETE' })
  return stats._all.primaries.store.size_in_bytes / stats._all.primaries.docs.count
}
