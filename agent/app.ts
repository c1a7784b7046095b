import type { Clock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import type { Health } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { Shutdown, type Started } from '../runtime/shutdown.ts'
import type { Transport } from '../transport/transport.ts'
import { createEmitter } from './emitter.ts'
import { startHeartbeat } from './heartbeat.ts'
import { openIdentity } from './identity.ts'
import { openSources } from './open-sources.ts'
import type { Identity, SourceStatus } from './source.ts'

export interface AgentDeps {
  readonly config: Config
  readonly transport: Transport
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
}

export interface Agent {
  readonly identity: Identity
  sources(): ReadonlyMap<string, SourceStatus>
}

const heartbeatIntervalMs = 60_000
/** Three missed beats: the alerter takes the same time for silence. */
const heartbeatLimitMs = 3 * heartbeatIntervalMs

/** The composition root of the agent: transport first, sources last; stopped in reverse, so that intake ends before the flush. */
export async function startAgent(deps: AgentDeps): Promise<Started<Agent>> {
  const { config, transport, metrics, health, now } = deps
  const log = deps.log.child({ component: 'agent' })
  const shutdown = new Shutdown()
  const identity = openIdentity({ dataDir: config.dataDir, node: config.agent.node, cluster: config.cluster })
  const producer = shutdown.own('producer', await transport.createProducer())
  const emit = createEmitter({ producer, log, metrics })
  const running = new Map<string, SourceStatus>()
  const beat = shutdown.own(
    'heartbeat',
    startHeartbeat({
      identity,
      emit,
      now,
      log,
      intervalMs: heartbeatIntervalMs,
      facts: () => Object.fromEntries([...running].map(([name, status]) => [name, status.ready().ok])),
    }),
  )
  health.add({ name: 'agent-transport', kind: 'ready', ask: () => ({ ok: producer.isConnected() }) })
  health.add({
    name: 'agent-loop',
    kind: 'live',
    ask: () => ({ ok: !producer.isConnected() || now() - beat.lastBeatMs() < heartbeatLimitMs }),
  })
  for (const source of openSources({ config, identity, emit, log: deps.log, metrics, health, now })) {
    const status = shutdown.own(source.name, await source.start())
    running.set(source.name, status)
    health.add({ name: `source-${source.name}`, kind: 'ready', ask: () => status.ready() })
  }
  log.info({ agent: identity.agentId, sources: [...running.keys()] }, 'agent started')
  return { value: { identity, sources: () => running }, stop: () => shutdown.run(AbortSignal.timeout(20_000)) }
}
