import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startActive } from '../../alerting/active.ts'
import { parseRuleFile } from '../../alerting/rules/parse-file.ts'
import { openStateDatabase, type StateDatabase } from '../../alerting/state/database.ts'
import type { EncodedRecord } from '../../event/encode.ts'
import { systemClock } from '../../runtime/clock.ts'
import { configSchema } from '../../runtime/config/schema.ts'
import { createHealth } from '../../runtime/health.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import type { EventSearch } from '../../storage/storage.ts'
import { openTransport } from '../../transport/open-transport.ts'
import type { Producer } from '../../transport/transport.ts'
import type { BenchTable } from './bench.ts'
import { mixedEvent, mixedFile, parseContext } from './mixed-rules.ts'

const perSecond = 5000
const everyMs = 10
const rules = 1000
/** One event in so many opens an alert of its own. */
const probeEvery = 100
const warmUpSeconds = 5
const probeRule = `- id: probe
  topic: APP
  type: match
  where: {message.starts: probe}
  groupBy: event.id
  quiet: 0s
`

/** A probe, wall clock in ms with fractions. */
interface Probe {
  readonly sentMs: number
  /** The log has it on the disk. */
  storedMs?: number
  /** Its alert is committed. */
  decidedMs?: number
}

/**
 * `npm run bench -- decisions [seconds]`: 5,000 events a second into the embedded log, half of which concern one of 1,000
 * rules, and fifty a second that each open an alert; the alerter with its database, and this load, on one thread. From the
 * moment an event is given to the log, and from when that has stored it, to the commit that holds its alert.
 */
export default async function decisions([seconds = '20']: readonly string[]): Promise<BenchTable> {
  const shutdown = new Shutdown()
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  try {
    const probes = new Map<string, Probe>()
    const config = configSchema.parse({ cluster: 'bench', dataDir: dir, transport: { embedded: { partitions: 2 } } })
    const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
    const transport = shutdown.own('transport', await openTransport(config, deps))
    const producer = shutdown.own('producer', await transport.createProducer())
    const database = openStateDatabase(join(dir, 'state.db'))
    if (!database) throw new Error('the database is held by another process')
    const db = watched(shutdown.own('database', database), probes)
    const { rules: set } = parseRuleFile('bench.yaml', `${mixedFile(0, rules)}${probeRule}`, parseContext)
    const search = {} as EventSearch
    shutdown.own('alerter', await startActive(db, set, { ...deps, config, transport, search, health: createHealth() }))
    const cpu = process.cpuUsage()
    const startedMs = performance.now()
    await load(producer, Number(seconds) + warmUpSeconds, probes)
    const { user, system } = process.cpuUsage(cpu)
    const busy = (user + system) / 1000 / (performance.now() - startedMs)
    await sleep(1000)
    const measured = [...probes.values()].slice(((warmUpSeconds * perSecond) / probeEvery) | 0)
    const decided = measured.filter(({ decidedMs }) => decidedMs !== undefined)
    return {
      title: `decisions at ${perSecond} events/s with ${rules} rules, ms`,
      rows: [
        { from: 'given to the log', ...quantiles(decided, ({ sentMs }) => sentMs) },
        {
          from: 'stored in the topic',
          ...quantiles(decided, ({ storedMs = Infinity, sentMs }) => Math.max(storedMs, sentMs)),
        },
      ].map((row) => ({
        ...row,
        alerts: decided.length,
        undecided: measured.length - decided.length,
        'CPU, cores': busy,
      })),
    }
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Notes when the transaction that holds a probe's alert is through. */
function watched(db: StateDatabase, probes: ReadonlyMap<string, Probe>): StateDatabase {
  let seq = 0
  let isWithin = false
  return {
    ...db,
    transaction(change) {
      if (isWithin) return db.transaction(change)
      isWithin = true
      try {
        return db.transaction(change)
      } finally {
        isWithin = false
        const atMs = performance.now()
        const told = db.prepare("SELECT seq, record FROM outbox WHERE seq > ? AND kind = 'firing'").all(seq)
        for (const row of told as unknown as ReadonlyArray<{ seq: number; record: string }>) {
          seq = row.seq
          const { key } = JSON.parse(row.record) as { key: Record<string, string> }
          const probe = probes.get(key['event.id'] ?? '')
          if (probe) probe.decidedMs ??= atMs
        }
      }
    },
  }
}

/** As many events as the clock asks for, a batch each ten milliseconds. */
async function load(producer: Producer, seconds: number, probes: Map<string, Probe>): Promise<void> {
  const startedMs = performance.now()
  const never = new AbortController().signal
  let sent = 0
  while (sent < seconds * perSecond) {
    const wanted = Math.min(seconds * perSecond, Math.floor(((performance.now() - startedMs) / 1000) * perSecond))
    const batch: EncodedRecord[] = []
    const own: Probe[] = []
    for (; sent < wanted; sent++) batch.push(recordOf(sent, probes, own))
    if (batch.length > 0)
      void producer.send(batch, never).then(() => {
        for (const probe of own) probe.storedMs = performance.now()
      })
    await sleep(everyMs)
  }
}

function recordOf(index: number, probes: Map<string, Probe>, own: Probe[]): EncodedRecord {
  const atMs = Date.now()
  const event = mixedEvent(index, { share: 0.5, rules, atMs })
  const { id } = event.event
  const isProbe = index % probeEvery === 0
  if (isProbe) {
    const probe: Probe = { sentMs: performance.now() }
    probes.set(id, probe)
    own.push(probe)
  }
  const value = Buffer.from(JSON.stringify(isProbe ? { ...event, message: 'probe' } : event))
  return { topic: 'APP', key: `bench/${index % 2}`, value, headers: { schema: '1', id }, timestampMs: atMs }
}

function quantiles(probes: readonly Probe[], from: (probe: Probe) => number): Record<string, number> {
  const times = probes.map((probe) => Math.max(0, (probe.decidedMs ?? 0) - from(probe))).toSorted((a, b) => a - b)
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), 'p99.9': at(0.999), max: at(1) }
}
