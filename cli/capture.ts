import { spawn } from 'node:child_process'
import { extname, join } from 'node:path'
import type { CommandModule } from 'yargs'
import { openIdentity } from '../agent/identity.ts'
import { openCapture } from '../agent/open-sources.ts'
import type { Emit, SourceStatus } from '../agent/source.ts'
import { adoptLeftovers, captureFile, openSwitchedOn } from '../agent/sources/firehose/switched.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import { parseDuration } from '../runtime/config/units.ts'
import { createHealth } from '../runtime/health.ts'
import { ConfigError, type Problem } from '../runtime/errors.ts'
import { silentLogger } from '../runtime/log.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { sleep } from '../runtime/retry.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { formatEvent } from './format-event.ts'

interface CaptureArgs extends GlobalArgs {
  readonly vhost: string
  readonly exchange: readonly string[]
  readonly queue: readonly string[]
  readonly for: string
  readonly payload: 'none' | 'hash' | 'excerpt' | 'full'
}

/** Beside this file, with its extension: the image runs compiled code. */
const guardProgram = join(import.meta.dirname, `capture-guard${extname(import.meta.filename)}`)

const noBroker: Problem = {
  file: 'thump.yaml',
  line: 0,
  column: 0,
  path: 'agent.amqp',
  message: 'a capture needs the broker: its url, a username and a password',
  severity: 'error',
}

/** A narrow, timed look at the firehose, on standard output; nothing is stored, and tracing is left as it was found. */
export const command: CommandModule<GlobalArgs, CaptureArgs> = {
  command: 'capture',
  describe: 'Capture publishes and deliveries for a while: masked, narrow, tracing left as it was found',
  builder: (yargs) =>
    yargs
      .option('vhost', { type: 'string', default: '/', describe: 'The vhost' })
      .option('exchange', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'Publishes to it; a pattern (repeatable)',
      })
      .option('queue', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'Deliveries from it; a pattern (repeatable)',
      })
      .option('for', { type: 'string', default: '1m', describe: 'How long: 30s, 10m' })
      .option('payload', {
        choices: ['none', 'hash', 'excerpt', 'full'] as const,
        default: 'none' as const,
        describe: 'How much of the bodies',
      })
      .check(({ for: time, exchange, queue }) => {
        if (parseDuration(time) === undefined) return `"${time}" is not a duration; write it as 30s or 10m`
        if (exchange.length + queue.length > 0) return true
        return 'name what to capture: --exchange orders, --queue orders.new; all of it: --exchange "#" --queue "#"'
      }),
  handler: async (argv) => {
    const hasRead = await capture(loadContext(argv), argv, parseDuration(argv.for) ?? 0)
    if (!hasRead) process.exitCode = 1
  },
}

/** Answers whether the firehose could be read at all. */
async function capture(context: Context, argv: CaptureArgs, forMs: number): Promise<boolean> {
  const { config, out, err, isTty, colour } = context
  // What people need to know is said in words; the log is for those who ask for it.
  const log = argv.logLevel === undefined ? silentLogger : context.log
  const { amqp } = config.agent
  if (!amqp) throw new ConfigError([noBroker])
  const ending = new AbortController()
  const onSignal = () => (ending.signal.aborted ? process.exit(1) : ending.abort(new Error('stopped')))
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const timezone = config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  let captured = 0
  const emit: Emit = {
    events: (events) => {
      for (const { event } of events) {
        if (event.event.dataset === 'rabbitmq.trace') {
          captured++
          out.write(`${isTty ? formatEvent(event, { colour, timezone }) : JSON.stringify(event)}\n`)
        } else err.write(`${event.message}\n`)
      }
      return Promise.resolve()
    },
    records: () => Promise.reject(new Error('the firehose makes events')),
  }
  const firehose = {
    ...config.agent.firehose,
    vhosts: [argv.vhost],
    publish: [...argv.exchange],
    deliver: [...argv.queue],
    payload: argv.payload,
  }
  const file = captureFile(config.dataDir, process.pid)
  const switchedOn = openSwitchedOn(file)
  adoptLeftovers(config.dataDir, switchedOn, isAlive)
  const guard = startGuard(config, file)
  const source = openCapture(
    {
      config: { ...config, agent: { ...config.agent, firehose } },
      identity: openIdentity({ dataDir: config.dataDir, node: config.agent.node, cluster: config.cluster }),
      emit,
      log,
      metrics: createMetrics(),
      health: createHealth(),
      now: systemClock,
    },
    amqp,
    switchedOn,
  )
  const { value, stop } = await source.start()
  try {
    return await watch(value, forMs, ending.signal, err)
  } finally {
    await stop()
    guard?.stdin.end()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    err.write(`${captured} traces captured\n`)
  }
}

/** Outlives us: what we switched on is switched off even when we are killed. Without an administrator there is nothing to do. */
function startGuard({ agent: { tracing, resources } }: Config, file: string) {
  if (!tracing) return undefined
  const guard = spawn(process.execPath, [guardProgram], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  guard.unref()
  guard.stdin.on('error', () => {})
  const { username, password } = tracing
  // By its input, not its arguments: those are everybody's to read.
  guard.stdin.write(`${JSON.stringify({ url: resources.url, username, password: password?.reveal(), file })}\n`)
  return guard
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** For the connection, and for somebody to switch tracing on. */
const patienceMs = 30_000

/** Until the time is over or a signal comes; says what keeps traces from coming, when that changes. Was it ever ready? */
async function watch(
  status: SourceStatus,
  forMs: number,
  signal: AbortSignal,
  err: NodeJS.WritableStream,
): Promise<boolean> {
  // The time counts from the first moment that something can be seen.
  let endMs = performance.now() + Math.max(forMs, patienceMs)
  let told: string | undefined
  let hasBeenReady = false
  while (!signal.aborted && performance.now() < endMs) {
    const { ok, detail } = status.ready()
    if (ok && !hasBeenReady) endMs = performance.now() + forMs
    hasBeenReady ||= ok
    if (detail !== undefined && detail !== told && detail !== 'connecting') err.write(`${detail}\n`)
    told = detail
    await sleep(Math.min(500, endMs - performance.now()), signal).catch(() => {})
  }
  return hasBeenReady
}
