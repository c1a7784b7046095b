import type { CommandModule } from 'yargs'
import { printConfig } from '../runtime/config/print.ts'
import { type GlobalArgs, loadContext } from './context.ts'

const print: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'print',
  describe: 'The effective configuration, secrets hidden, where each value came from',
  handler: (argv) => {
    const context = loadContext(argv)
    context.out.write(printConfig(context))
  },
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'config <action>',
  describe: 'Look at the configuration',
  builder: (yargs) => yargs.command(print).demandCommand(1) as never,
  handler: () => {},
}
