import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { startDemoBroker } from '../demo/demo-broker.ts'
import { runWorkload, type WorkloadRequest } from '../demo/workload.ts'
import type { ThumpEvent } from '../event/event.ts'
import type { Shutdown } from '../runtime/shutdown.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { demoConfig, writeDemoFile } from './demo-config.ts'
import { type DemoTarget, isBrokerUrl, targetOf } from './demo-target.ts'
import { createNews } from './event-view.ts'
import { followEvents } from './follow.ts'
import { formatEvent } from './format-event.ts'
import { runRole } from './run-role.ts'
import { type Everything, startEverything } from './up.ts'

interface DemoArgs extends GlobalArgs {
  readonly url?: string
  readonly workload?: boolean
  readonly dir: string
}

export const command: CommandModule<GlobalArgs, DemoArgs> = {
  command: 'demo',
  describe: 'The whole product on embedded defaults against a real broker (npm start)',
  builder: (yargs) =>
    yargs
      .option('url', {
        type: 'string',
        describe: 'Watch this broker: amqp://user:password@host (default: a private one)',
      })
      .option('workload', { type: 'boolean', describe: 'Make things happen on the broker of --url as well' })
      .option('dir', { type: 'string', default: '.thump', describe: 'Where the demo keeps its broker and its data' })
      .example('$0 demo', 'a private RabbitMQ, a sample workload, events and alerts as they come')
      .example(
        '$0 demo --url amqp://mon:…@127.0.0.1',
        'watch a broker of yours; all it makes there is its queue mon.events',
      )
      // What was given is not repeated: a password may stand in it.
      .check(
        ({ url }) => isBrokerUrl(url) || '--url is not a broker: write it as amqp://user:password@host:5672',
      ) as never,
  handler: async (argv) => {
    const dir = makeDemoDir(resolve(argv.dir))
    const say = (line: string) => void process.stdout.write(`thump: ${line}\n`)
    // The demo's own context comes once its broker is known; until then only the logger of the defaults is needed.
    const early = loadContext(argv, { dataDir: dir, log: { level: 'warn' } })
    await runRole(early, async (shutdown) => {
      const { target, workload } = argv.url === undefined ? await ownBroker(dir, say, shutdown) : given(argv.url, argv)
      const context = loadContext(argv, demoConfig(dir, target))
      const { alerting } = await start(context, shutdown)
      const file = writeDemoFile(dir, target, alerting.port)
      if (workload) startWorkload(workload, shutdown)
      say('watching; routine log lines are stored like all others, and left out below')
      say('beside it, in another terminal:')
      for (const verb of ["events 'amqp.operation: queue.delete'", 'alerts list', 'doctor'])
        say(`  ${program()} ${verb} --config ${relative('.', file)}`)
      say('Ctrl-C stops all it started')
    })
  },
}

/** The folder, readable by all where we made it: the demo's broker runs as `nobody` for root, and must reach its own part. */
function makeDemoDir(dir: string): string {
  const isNew = !existsSync(dir)
  mkdirSync(dir, { recursive: true })
  if (isNew) chmodSync(dir, 0o755)
  return dir
}

interface Watched {
  readonly target: DemoTarget
  readonly workload?: WorkloadRequest
}

/** A clone's program is on nobody's path. */
function program(): string {
  return process.argv[1]?.endsWith('.ts') ? 'npx thump' : 'thump'
}

function given(url: string, { workload }: DemoArgs): Watched {
  return { target: targetOf(url), ...(workload === true && { workload: { amqpUrl: url } }) }
}

async function ownBroker(dir: string, say: (line: string) => void, shutdown: Shutdown): Promise<Watched> {
  const { broker, accounts } = shutdown.own('broker', await startDemoBroker({ dir, onProgress: say }))
  const { amqpUrl, managementUrl, prometheusUrl } = broker
  const target = {
    amqpUrl,
    managementUrl,
    prometheusUrl,
    logs: [join(broker.logDir, '*.log'), join(broker.logDir, 'access.log*')],
    account: accounts.thump,
    isOwn: true,
  }
  return { target, workload: { amqpUrl, managementUrl, accounts } }
}

async function start(context: Context, shutdown: Shutdown): Promise<Everything> {
  const { config, out, colour, isTty } = context
  const timezone = config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  const everything = await startEverything(context, shutdown)
  const isNews = createNews()
  const following = await followEvents({
    transport: everything.transport,
    topics: ['APP', 'AMQP', 'THUMP'],
    role: 'demo',
    onEvent: (event) => {
      if (isRoutine(event) || !isNews(event)) return
      const columns = isTty ? process.stdout.columns : undefined
      out.write(`${formatEvent(event, { colour, timezone, columns })}\n`)
    },
  })
  shutdown.own('live view', following)
  return everything
}

/** What nobody looks at live: heartbeats, requests that went well, lines that the catalogue does not know. */
function isRoutine({ event, log }: ThumpEvent): boolean {
  if (event.action === 'heartbeat') return true
  if (event.dataset === 'rabbitmq.access') return event.outcome === 'success'
  return event.dataset === 'rabbitmq.log' && event.code === undefined && /^(debug|info|notice)$/.test(log?.level ?? '')
}

function startWorkload(request: WorkloadRequest, shutdown: Shutdown): void {
  const stopping = new AbortController()
  // Who did it can be told once the broker has listed its connections: seven seconds after the first event.
  const running = runWorkload({ ...request, firstIncidentRound: 2 }, stopping.signal)
  shutdown.add('workload', async () => {
    stopping.abort(new Error('demo is stopping'))
    await running
  })
}
