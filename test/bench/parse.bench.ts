import { parseAccessLine } from '../../agent/parse/access/access.ts'
import { entries } from '../../agent/parse/catalogue/entries.ts'
import { recognise } from '../../agent/parse/catalogue/recognise.ts'
import { parseTerm } from '../../agent/parse/erlang/term.ts'
import type { BenchTable } from './bench.ts'

const minMs = 1000
const plain =
  "connection 127.0.0.1:41060 -> 127.0.0.1:5774 - logs: user 'guest' authenticated and granted access to vhost '/'"
const access =
  '127.0.0.1 - guest [22/Nov/2026:17:14:07 +0000] "DELETE /api/queues/%2f/hq/contents HTTP/1.1" 204 0 "" "curl/7.88.1"'

/** Calls a second, one core, after a warm-up of the same length. */
function speed(work: (index: number) => unknown): number {
  let calls = 0
  for (const isMeasured of [false, true]) {
    const started = performance.now()
    for (calls = 0; performance.now() - started < minMs; ) for (let n = 0; n < 1000; n++) work(calls++)
    if (isMeasured) return Math.round((calls * 1000) / (performance.now() - started))
  }
  return calls
}

/** How fast the pure parsers are: what nearly every line costs, and what a recognised one does. */
export default function parse(): Promise<BenchTable> {
  const rows = [
    ['recognise, a line of no row', speed(() => recognise(plain))],
    ['recognise, the samples of all rows', speed((n) => recognise(entries[n % entries.length]?.sample ?? ''))],
    ['access line', speed(() => parseAccessLine(access))],
    ['Erlang term', speed(() => parseTerm('{<<"x-expires">>,short,500}'))],
  ] as const
  return Promise.resolve({ title: 'parse', rows: rows.map(([what, perSecond]) => ({ what, 'calls/s': perSecond })) })
}
