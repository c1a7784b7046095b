import type { CommandModule } from 'yargs'
import { systemClock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { retentionText } from '../transport/kafka/topics.ts'
import { openTransport } from '../transport/open-transport.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { withPatience } from './with-patience.ts'

interface SetupArgs extends GlobalArgs {
  readonly dryRun: boolean
}

export const command: CommandModule<GlobalArgs, SetupArgs> = {
  command: 'kafka',
  describe: 'Create the topics that are missing; those that are there stay as they are',
  builder: (yargs) =>
    yargs.option('dry-run', {
      type: 'boolean',
      default: false,
      describe: "Print the topics, and Kafka's own commands for them; create none",
    }) as never,
  handler: async ({ dryRun, ...argv }) => {
    const { config, log, out } = loadContext(argv)
    out.write(topicTable(config.transport))
    if (dryRun) out.write(commandsOf(config.transport))
    if (dryRun || config.transport.kafka.createTopics === false) return
    const deps = { log, metrics: createMetrics(), now: systemClock }
    const { value, stop } = await openTransport({ ...config, transport: { ...config.transport, kind: 'kafka' } }, deps)
    try {
      await withPatience('Kafka', (signal) => value.ensureTopics(signal))
    } finally {
      await stop()
    }
    out.write('all topics are there\n')
  },
}

function topicTable({ topics, kafka: { createTopics } }: Config['transport']): string {
  const names = Object.values(topics)
  if (createTopics === false) return `${names.join('\n')}\ncreateTopics is false: none is created\n`
  const { partitions, replicationFactor, retention } = createTopics
  const replication = replicationFactor === -1 ? "the broker's own" : String(replicationFactor)
  const rows = [
    ['TOPIC', 'PARTITIONS', 'REPLICATION', 'RETENTION'],
    ...names.map((name) => [name, String(partitions), replication, retentionText(retention)]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}

/** For who makes topics by hand: retention in ms, as Kafka wants it. */
function commandsOf({ topics, kafka: { brokers, createTopics } }: Config['transport']): string {
  if (createTopics === false) return ''
  const { partitions, replicationFactor, retention } = createTopics
  const replication = replicationFactor === -1 ? '' : ` --replication-factor ${replicationFactor}`
  const commands = Object.values(topics).map(
    (name) =>
      `kafka-topics.sh --bootstrap-server ${brokers.join(',')} --create --if-not-exists --topic ${name} --partitions ${partitions}${replication} --config retention.ms=${retention}\n`,
  )
  return `\nThe same by hand:\n${commands.join('')}`
}
