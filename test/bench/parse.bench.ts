import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCorrelator } from '../../agent/correlate/correlator.ts'
import { parseAccessLine } from '../../agent/parse/access/access.ts'
import { parseCombinedLine } from '../../agent/parse/access/combined.ts'
import { entries } from '../../agent/parse/catalogue/entries.ts'
import { recognise } from '../../agent/parse/catalogue/recognise.ts'
import { parseTerm } from '../../agent/parse/erlang/term.ts'
import { decodeEvent, type ExchangeMessage } from '../../agent/sources/events/decode-event.ts'
import type { BenchTable } from './bench.ts'

const minMs = 1000
const identity = { agentId: 'a', agentVersion: '0', hostName: 'h', cluster: () => 'c' }
const own = { users: new Set(['mon']), queuePrefix: 'mon.' }
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
  const messages = readFileSync(join(import.meta.dirname, '../fixtures/recordings/4.0.events.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ExchangeMessage)
  const message = (n: number) => messages[n % messages.length] as ExchangeMessage
  const correlator = createCorrelator({ identity: { keyNode: () => 'n' } })
  const joined = (n: number) => {
    const decoded = decodeEvent(message(n), identity, own, 0)
    if (decoded.kind === 'event') correlator.attribute(decoded.event)
  }
  const rows = [
    ['recognise, a line of no row', speed(() => recognise(plain))],
    ['recognise, the samples of all rows', speed((n) => recognise(entries[n % entries.length]?.sample ?? ''))],
    ['access line', speed(() => parseAccessLine(access))],
    ['combined line with time and cache result', speed(() => parseCombinedLine(`${access} 0.005 MISS`))],
    ['event of the exchange, decoded', speed((n) => decodeEvent(message(n), identity, own, 0))],
    ['event of the exchange, decoded and attributed', speed(joined)],
    ['Erlang term', speed(() => parseTerm('{<<"x-expires">>,short,500}'))],
  ] as const
  return Promise.resolve({ title: 'parse', rows: rows.map(([what, perSecond]) => ({ what, 'calls/s': perSecond })) })
}
