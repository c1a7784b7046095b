import { isDeepStrictEqual } from 'node:util'
import { shortenEvent } from '../event/shorten-event.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import { type Health, readiness } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { Shutdown, type Started } from '../runtime/shutdown.ts'
import type { Transport } from '../transport/transport.ts'
import { createEmitter } from './emitter.ts'
import { startHeartbeat } from './heartbeat.ts'
import { openIdentity } from './identity.ts'
import { openSources } from './open-sources.ts'
import { RunningSources } from './running-sources.ts'
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
  /** Takes over masking and log paths; throws ConfigError, and the old ones stay. The rest needs a restart. */
  reload(config: Config): Promise<void>
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
  const producer = shutdown.own(
    'producer',
    await transport.createProducer({ shorten: shortenEvent, waitsForTopics: true }),
  )
  const emit = createEmitter({ producer, log, metrics })
  const running = new RunningSources(health)
  const beat = shutdown.own(
    'heartbeat',
    startHeartbeat({
      identity,
      emit,
      now,
      log,
      intervalMs: heartbeatIntervalMs,
      facts: () => Object.fromEntries([...running.statuses()].map(([name, status]) => [name, status.ready().ok])),
    }),
  )
  health.add({ name: 'agent-transport', kind: 'ready', ask: () => readiness(producer.problem()) })
  health.add({
    name: 'agent-loop',
    kind: 'live',
    ask: () => ({ ok: !producer.isConnected() || now() - beat.lastBeatMs() < heartbeatLimitMs }),
  })
  const opened = openSources({ config, identity, emit, log: deps.log, metrics, health, now })
  shutdown.add('sources', () => running.stop())
  for (const source of opened.sources) await running.start(source)
  log.info({ agent: identity.agentId, sources: [...running.statuses().keys()] }, 'agent started')
  let inputs = config.agent.logs
  const reload = async ({ agent }: Config) => {
    opened.remask(agent.redact)
    if (isDeepStrictEqual(inputs, agent.logs)) return
    inputs = agent.logs
    await running.replace('log-files', opened.logFiles(inputs))
  }
  const value: Agent = { identity, sources: () => running.statuses(), reload }
  return { value, stop: () => shutdown.run(AbortSignal.timeout(20_000)) }
}
