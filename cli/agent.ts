import type { CommandModule } from 'yargs'
import { startAgent } from '../agent/app.ts'
import { openTransport, refuseEmbedded } from '../transport/open-transport.ts'
import { command as dryRun } from './agent-dry-run.ts'
import { command as explain } from './agent-explain.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { runRole } from './run-role.ts'
import { startRuntime } from './start-role.ts'

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'agent',
  describe: 'Run the agent beside a broker',
  builder: (yargs) => yargs.command(explain).command(dryRun) as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    refuseEmbedded(context.config, 'agent', context.file)
    await runRole(context, async (shutdown) => {
      const { config, log } = context
      const deps = { ...(await startRuntime('agent', context, shutdown)), log }
      const transport = shutdown.own('transport', await openTransport(config, deps))
      const agent = shutdown.own('agent', await startAgent({ ...deps, config, transport }))
      deps.health.started()
      return { reload: [(next) => agent.reload(next)] }
    })
  },
}
