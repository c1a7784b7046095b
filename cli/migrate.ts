import type { CommandModule } from 'yargs'
import { type GlobalArgs, loadContext } from './context.ts'
import { onInterrupt } from './interrupt.ts'
import { migrateToElasticsearch } from './migrate-elasticsearch.ts'
import { migrateToKafka } from './migrate-kafka.ts'

interface MigrateArgs extends GlobalArgs {
  readonly to: 'elasticsearch' | 'kafka'
  readonly reason?: string
}

export const command: CommandModule<GlobalArgs, MigrateArgs> = {
  command: 'migrate',
  describe: 'Move up from the embedded kinds: stored events to Elasticsearch, the log and its places to Kafka',
  builder: (yargs) =>
    yargs
      .option('to', { choices: ['elasticsearch', 'kafka'] as const, demandOption: true, describe: 'Where to' })
      .option('reason', { type: 'string', describe: 'Why: it is recorded with your name' })
      .example('$0 migrate --to elasticsearch', 'stored days, from dataDir into storage.elasticsearch')
      .example('$0 migrate --to kafka', 'what the roles have not read yet, into transport.kafka')
      .epilogue(
        [
          'The target is what thump.yaml says in storage.elasticsearch or transport.kafka, whichever kind is in use.',
          'To Elasticsearch: may run beside thump up, and again after it was stopped: only what is new is carried.',
          'To Kafka: stop thump up first. Then set kind: kafka and start the roles with the same dataDir.',
          "Each migration is an event: thump events 'event.action: migrate.*'",
          'Nothing is removed from dataDir, and ids make it safe to run again. The alerter stands on Kafka afterwards:',
          'do not go back to the embedded log with the same dataDir.',
        ].join('\n'),
      ) as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const stopping = onInterrupt(() => context.err.write('\nstopping; the same command goes on from here\n'))
    const migrate = argv.to === 'kafka' ? migrateToKafka : migrateToElasticsearch
    try {
      if (!(await migrate(context, argv.reason?.trim() || undefined, stopping.signal))) process.exitCode = 1
    } catch (error) {
      if (!stopping.signal.aborted) throw error
      process.exitCode = 1
    } finally {
      stopping.forget()
    }
  },
}
