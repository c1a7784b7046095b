import type { CommandModule } from 'yargs'
import { startForwarder } from '../forwarder/forwarder.ts'
import { openStorage } from '../storage/open-storage.ts'
import { openTransport, refuseEmbedded } from '../transport/open-transport.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { runRole } from './run-role.ts'
import { startRuntime } from './start-role.ts'

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'forwarder',
  describe: 'Run the forwarder: topics into storage',
  handler: async (argv) => {
    const context = loadContext(argv)
    refuseEmbedded(context.config, 'forwarder', context.file)
    await runRole(context, async (shutdown) => {
      const { config, log } = context
      const deps = { ...(await startRuntime('forwarder', context, shutdown)), log }
      const transport = shutdown.own('transport', await openTransport(config, deps))
      const storage = shutdown.own('storage', await openStorage(config, deps))
      shutdown.own('forwarder', await startForwarder({ ...deps, transport, storage }))
      deps.health.started()
    })
  },
}
