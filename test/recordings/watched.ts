import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openIdentity } from '../../agent/identity.ts'
import { openSources } from '../../agent/open-sources.ts'
import { grant } from '../../agent/broker/least-privilege.ts'
import type { SourceStatus } from '../../agent/source.ts'
import type { Broker } from '../../demo/broker/start-broker.ts'
import { decodeEvent, encodeEvent } from '../../event/encode.ts'
import type { ThumpEvent } from '../../event/event.ts'
import { configSchema } from '../../runtime/config/schema.ts'
import { createHealth } from '../../runtime/health.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import type { OutRecord } from '../../transport/transport.ts'
import { eventually } from '../servers/eventually.ts'

export interface Watched {
  readonly events: ThumpEvent[]
  /** Waits for an event; from the first one on. */
  see(what: string, check: (event: ThumpEvent) => boolean | undefined): Promise<ThumpEvent>
  /** These sources read; all where none is named. */
  ready(...names: readonly string[]): Promise<unknown>
}

/** A busy machine takes its time. */
const withinMs = 120_000

/** All sources of an agent beside a private broker, with the least rights; what they send is kept. */
export async function watch(broker: Broker, agent: Record<string, unknown> = {}): Promise<Started<Watched>> {
  const shutdown = new Shutdown()
  const dataDir = mkdtempSync(join(tmpdir(), 'thump-agent-'))
  shutdown.add('data', () => Promise.resolve(rmSync(dataDir, { recursive: true, force: true })))
  await broker.api('PUT', '/api/users/mon', { password: 'mon', tags: 'monitoring' })
  await broker.api('PUT', '/api/permissions/%2F/mon', grant)
  const config = configSchema.parse({
    cluster: 'afternoon',
    dataDir,
    agent: {
      node: broker.nodeName,
      logs: [{ paths: [broker.logFile, join(broker.logDir, 'access.log*')] }],
      amqp: { url: broker.amqpUrl, username: 'mon', password: 'mon' },
      resources: { url: broker.managementUrl, prometheusUrl: broker.prometheusUrl },
      ...agent,
    },
  })
  const events: ThumpEvent[] = []
  const records = (batch: readonly OutRecord[]) => {
    for (const { value } of batch) {
      const decoded = decodeEvent(value)
      if (decoded.kind === 'event') events.push(decoded.event)
    }
    return Promise.resolve()
  }
  const deps = { log: silentLogger, metrics: createMetrics(), health: createHealth(), now: Date.now }
  const identity = openIdentity({ dataDir, node: broker.nodeName, cluster: 'afternoon' })
  const emit = {
    records,
    events: (batch: readonly Parameters<typeof encodeEvent>[0][]) => records(batch.map(encodeEvent)),
  }
  const running = new Map<string, SourceStatus>()
  for (const source of openSources({ ...deps, config, identity, emit }).sources)
    running.set(source.name, shutdown.own(source.name, await source.start()))
  const value: Watched = {
    events,
    see: (what, check) => eventually(() => events.find((event) => check(event)), { what, withinMs }),
    ready: (...names) => {
      const awaited = names.length > 0 ? names : [...running.keys()]
      const areReady = () => awaited.every((name) => running.get(name)?.ready().ok === true)
      return eventually(areReady, { what: `${awaited.join(', ')} ready`, withinMs })
    },
  }
  return { value, stop: () => shutdown.run(AbortSignal.timeout(30_000)) }
}
