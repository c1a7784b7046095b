import type { CommandModule } from 'yargs'
import type { GlobalArgs } from './context.ts'

type Loaded = { readonly command: CommandModule<GlobalArgs, never> }

export interface Verb {
  readonly command: string
  readonly describe: string
  readonly load: () => Promise<unknown>
}

/** One line a verb. Its module is loaded only when it is called: `thump version` must not wait for a Kafka client. */
export const verbs: readonly Verb[] = [
  {
    command: 'demo',
    describe: 'The whole product on embedded defaults against a real broker (npm start)',
    load: () => import('./demo.ts'),
  },
  { command: 'up', describe: 'All roles in one process, by the configuration', load: () => import('./up.ts') },
  {
    command: 'agent',
    describe: 'Run the agent beside a broker; explain and dry-run its log files',
    load: () => import('./agent.ts'),
  },
  { command: 'forwarder', describe: 'Run the forwarder: topics into storage', load: () => import('./forwarder.ts') },
  {
    command: 'alerting',
    describe: 'Run the alerter: rules, alerts, notifications',
    load: () => import('./alerting.ts'),
  },
  {
    command: 'check-config',
    describe: 'Check the configuration and its rule files; exits 78 on a problem',
    load: () => import('./check-config.ts'),
  },
  {
    command: 'doctor',
    describe: 'Ask everything Thump needs, and say what mends it; exits 1 on a failure',
    load: () => import('./doctor.ts'),
  },
  { command: 'config', describe: 'Print the effective configuration', load: () => import('./config.ts') },
  { command: 'events', describe: 'Search what is stored, or follow live', load: () => import('./events.ts') },
  {
    command: 'export',
    describe: 'Write stored events into files, one a UTC day',
    load: () => import('./export.ts'),
  },
  {
    command: 'migrate',
    describe: 'Move up from the embedded kinds to Elasticsearch or Kafka, without loss',
    load: () => import('./migrate.ts'),
  },
  {
    command: 'dead-letters',
    describe: 'What the storage refused: list, show, send again',
    load: () => import('./dead-letters.ts'),
  },
  {
    command: 'rules',
    describe: 'Lint, test, backtest, explain, list and import rules',
    load: () => import('./rules.ts'),
  },
  {
    command: 'alerts',
    describe: 'What fires, and what is done about it: list, show, ack, resolve',
    load: () => import('./alerts.ts'),
  },
  {
    command: 'silences',
    describe: 'Keep alerts quiet for a while: add, list, expire',
    load: () => import('./silences.ts'),
  },
  {
    command: 'notify',
    describe: 'Try a channel, or see what a rule would tell',
    load: () => import('./notify.ts'),
  },
  { command: 'redact', describe: 'Show what masking does to a file', load: () => import('./redact.ts') },
  {
    command: 'capture',
    describe: 'Capture publishes and deliveries for a while, then restore what was found',
    load: () => import('./capture.ts'),
  },
  {
    command: 'setup',
    describe: 'Prepare RabbitMQ, Kafka or Elasticsearch: rights, topics, templates',
    load: () => import('./setup.ts'),
  },
  { command: 'version', describe: 'The version', load: () => import('./version.ts') },
]

/** The verb as yargs wants it: options and handler come from its module, when they are asked for. */
export function asCommand({ command, describe, load }: Verb): CommandModule<GlobalArgs, GlobalArgs> {
  const module = async () => ((await load()) as Loaded).command
  const positional = (full: string | readonly string[] | undefined) =>
    typeof full === 'string' ? full : (full?.[0] ?? command)
  return {
    command: usages[command] ?? positional(command),
    describe,
    builder: async (yargs) => {
      const { builder } = await module()
      return typeof builder === 'function' ? await builder(yargs) : builder ? yargs.options(builder) : yargs
    },
    handler: async (argv) => (await module()).handler(argv as never),
  } as CommandModule<GlobalArgs, GlobalArgs>
}

/** Positional arguments; yargs must know them before the module is loaded. */
const usages: Readonly<Record<string, string>> = {
  events: 'events [query]',
  export: 'export [query]',
  config: 'config',
  'dead-letters': 'dead-letters',
  rules: 'rules',
  alerts: 'alerts',
  silences: 'silences',
  notify: 'notify',
  redact: 'redact',
  setup: 'setup',
}
