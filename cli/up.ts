import type { CommandModule } from 'yargs'
import { startAgent, type Agent } from '../agent/app.ts'
import { startAlerting, type Alerting } from '../alerting/app.ts'
import { startForwarder } from '../forwarder/forwarder.ts'
import type { Shutdown } from '../runtime/shutdown.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { openTransport } from '../transport/open-transport.ts'
import type { Transport } from '../transport/transport.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { runRole } from './run-role.ts'
import { startRuntime } from './start-role.ts'

export interface Everything {
  readonly agent: Agent
  readonly alerting: Alerting
  readonly transport: Transport
  readonly storage: Storage
}

/** All roles in one process: the same code as the single roles, on whatever kinds the configuration names. */
export async function startEverything(
  context: Pick<Context, 'config' | 'log' | 'file'>,
  shutdown: Shutdown,
): Promise<Everything> {
  const { config, log } = context
  const deps = { ...(await startRuntime('up', context, shutdown)), log }
  const transport = shutdown.own('transport', await openTransport(config, deps))
  const storage = shutdown.own('storage', await openStorage(config, deps))
  shutdown.own('forwarder', await startForwarder({ ...deps, transport, storage }))
  const alerting = shutdown.own('alerting', await startAlerting({ ...deps, config, transport, search: storage.search }))
  const agent = shutdown.own('agent', await startAgent({ ...deps, config, transport }))
  deps.health.started()
  return { agent, alerting, transport, storage }
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'up',
  describe: 'All roles in one process, by the configuration',
  handler: async (argv) => {
    const context = loadContext(argv)
    await runRole(context, async (shutdown) => {
      const { agent, alerting } = await startEverything(context, shutdown)
      return { reload: [(config) => agent.reload(config), (config) => alerting.reload(config.alerting)] }
    })
  },
}
