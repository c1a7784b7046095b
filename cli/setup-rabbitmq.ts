import type { CommandModule } from 'yargs'
import { setupCommands } from '../agent/broker/least-privilege.ts'
import { type GlobalArgs, loadContext } from './context.ts'

/** Prints; an administrator runs. Thump itself never holds the right to make users. */
export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'rabbitmq',
  describe: 'Print the commands that give Thump exactly the rights it needs on RabbitMQ, and no more',
  handler: (argv) => {
    const { config, out } = loadContext(argv)
    const { amqp, events, firehose } = config.agent
    const vhosts = [...new Set([events.vhost, ...(firehose.enabled ? firehose.vhosts : [])])]
    out.write(`${setupCommands({ user: amqp?.username ?? 'mon', vhosts }).join('\n')}\n`)
  },
}
