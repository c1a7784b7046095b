import type { CommandModule } from 'yargs'
import type { GlobalArgs } from './context.ts'
import { command as elasticsearch } from './setup-elasticsearch.ts'
import { command as kafka } from './setup-kafka.ts'
import { command as rabbitmq } from './setup-rabbitmq.ts'

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'setup <what>',
  describe: 'Prepare the servers that Thump works with',
  builder: (yargs) => yargs.command(rabbitmq).command(kafka).command(elasticsearch).demandCommand(1) as never,
  handler: () => {},
}
