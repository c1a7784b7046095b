import { systemClock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import { prepareDataDir } from '../runtime/data-dir.ts'
import { startGivingBack } from '../runtime/give-back.ts'
import { createHealth, type Health, startHealthServer } from '../runtime/health.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import type { Shutdown } from '../runtime/shutdown.ts'
import type { Context } from './context.ts'

export type RoleName = 'up' | 'agent' | 'forwarder' | 'alerting' | 'console'

const healthPorts: Readonly<Record<RoleName, number>> = {
  up: 7671,
  agent: 7671,
  forwarder: 7674,
  alerting: 7675,
  console: 7676,
}

export interface RoleRuntime {
  readonly metrics: Metrics
  readonly health: Health
  readonly now: typeof systemClock
}

/** What every role starts first: its metrics and the health endpoint, so that a role that cannot connect can be asked why. */
export async function startRuntime(
  role: RoleName,
  { config, log, file }: Pick<Context, 'config' | 'log' | 'file'>,
  shutdown: Shutdown,
): Promise<RoleRuntime> {
  if (role !== 'forwarder' || config.storage.kind === 'sqlite') prepareDataDir(config.dataDir, file)
  const metrics = createMetrics()
  const health = createHealth()
  const server = await startHealthServer({ listen: healthListen(role, config), health, metrics })
  shutdown.add('health', server.stop)
  shutdown.own('give-back', startGivingBack({ collect: globalThis.gc, now: systemClock }))
  log.info({ role, port: server.value.port }, 'health endpoint listening')
  return { metrics, health, now: systemClock }
}

function healthListen(role: RoleName, { health }: Config): { host: string; port: number } {
  return health.listen ?? { host: '127.0.0.1', port: healthPorts[role] }
}
