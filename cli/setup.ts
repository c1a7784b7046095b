import type { CommandModule } from 'yargs'
import type { GlobalArgs } from './context.ts'
import { command as rabbitmq } from './setup-rabbitmq.ts'

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'setup <what>',
  describe: 'Prepare the servers that Thump works with',
  builder: (yargs) => yargs.command(rabbitmq).demandCommand(1) as never,
  handler: () => {},
}
