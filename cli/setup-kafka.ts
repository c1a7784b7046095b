import type { CommandModule } from 'yargs'
import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { openTransport } from '../transport/open-transport.ts'
import { type GlobalArgs, loadContext } from './context.ts'

interface SetupArgs extends GlobalArgs {
  readonly dryRun: boolean
}

const patienceMs = 30_000

export const command: CommandModule<GlobalArgs, SetupArgs> = {
  command: 'kafka',
  describe: 'Create the topics that are missing; those that are there stay as they are',
  builder: (yargs) =>
    yargs.option('dry-run', { type: 'boolean', default: false, describe: 'Print the topics, create none' }) as never,
  handler: async ({ dryRun, ...argv }) => {
    const { config, log, out } = loadContext(argv)
    const { topics, kafka } = config.transport
    const wanted = kafka.createTopics
    const shape = wanted
      ? `${wanted.partitions} partitions, replication ${wanted.replicationFactor}, retention ${wanted.retention} ms`
      : 'createTopics is false: none is created'
    for (const topic of Object.values(topics)) out.write(`${topic}: ${shape}\n`)
    if (dryRun || !wanted) return
    const deps = { log, metrics: createMetrics(), now: systemClock }
    const { value, stop } = await openTransport({ ...config, transport: { ...config.transport, kind: 'kafka' } }, deps)
    try {
      await value.ensureTopics(AbortSignal.timeout(patienceMs))
    } finally {
      await stop()
    }
    out.write('all topics are there\n')
  },
}
