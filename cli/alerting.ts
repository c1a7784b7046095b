import type { CommandModule } from 'yargs'
import { startAlerting } from '../alerting/app.ts'
import { openStorage } from '../storage/open-storage.ts'
import { openTransport, refuseEmbedded } from '../transport/open-transport.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { runRole } from './run-role.ts'
import { startRuntime } from './start-role.ts'

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'alerting',
  describe: 'Run the alerter: rules, alerts, notifications',
  handler: async (argv) => {
    const context = loadContext(argv)
    refuseEmbedded(context.config, 'alerting', context.file)
    await runRole(context, async (shutdown) => {
      const { config, log } = context
      const deps = { ...(await startRuntime('alerting', context, shutdown)), log }
      const transport = shutdown.own('transport', await openTransport(config, deps))
      // Only for the context of a message (related events): the alerter works without it.
      const storage = shutdown.own('storage', await openStorage(config, deps, 'read'))
      const alerting = shutdown.own(
        'alerting',
        await startAlerting({ ...deps, config, transport, search: storage.search }),
      )
      deps.health.started()
      return { reload: [(next) => alerting.reload(next.alerting)] }
    })
  },
}
