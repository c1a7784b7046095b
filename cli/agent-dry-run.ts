import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { openIdentity } from '../agent/identity.ts'
import { openSources } from '../agent/open-sources.ts'
import type { Emit } from '../agent/source.ts'
import { globOf } from '../agent/sources/log-files/glob.ts'
import { compilePatterns, inputOf } from '../agent/sources/log-files/look.ts'
import { whyUnreadable } from '../agent/sources/log-files/why-unreadable.ts'
import { encodeEvent } from '../event/encode.ts'
import { systemClock } from '../runtime/clock.ts'
import { loadConfig } from '../runtime/config/load.ts'
import type { Config } from '../runtime/config/schema.ts'
import { createHealth } from '../runtime/health.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { sleep } from '../runtime/retry.ts'
import type { OutRecord } from '../transport/transport.ts'
import { type GlobalArgs, loadContext } from './context.ts'

interface DryRunArgs extends GlobalArgs {
  readonly from: string
}

export const command: CommandModule<GlobalArgs, DryRunArgs> = {
  command: 'dry-run',
  describe: 'The events a log file would be sent as, one JSON a line; nothing is sent and no offset is kept',
  builder: (yargs) =>
    yargs
      .option('from', { type: 'string', demandOption: true, describe: 'The log file to read' })
      .example('$0 agent dry-run --from rabbit.log | jq -r .message', 'the messages as they would be found') as never,
  handler: async (argv) => {
    const { config, log, out } = loadContext(argv)
    const file = resolve(argv.from)
    const why = whyUnreadable(file)
    if (why !== undefined) {
      log.error({ file, why }, 'file cannot be read')
      process.exitCode = 1
      return
    }
    const dataDir = mkdtempSync(join(tmpdir(), 'thump-dry-run-'))
    const metrics = createMetrics()
    const { emit, settled } = printing(out)
    try {
      const identity = openIdentity({ dataDir, node: config.agent.node, cluster: config.cluster })
      const dry = { config: { ...config, dataDir, agent: agentFor(config, file) }, identity, emit, log, metrics }
      for (const source of openSources({ ...dry, health: createHealth(), now: systemClock }).sources) {
        const running = await source.start()
        const { ok, detail } = await untilRead(metrics, () => running.value.ready())
        await running.stop()
        if (ok) continue
        log.error({ detail }, 'file cannot be read')
        process.exitCode = 1
      }
      await settled()
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  },
}

/** Only this file and all of it, in the way the configuration reads it, else as it is by itself. */
function agentFor({ agent }: Config, file: string): Config['agent'] {
  const input = inputOf(compilePatterns(agent.logs), file)
  const paths = [globOf(file)]
  const [plain] = loadConfig({ base: { agent: { logs: [{ paths }] } } }).config.agent.logs
  const whole = { paths, startAt: 'beginning', ignoreOlder: undefined }
  const logs = [{ ...(input ?? plain), ...whole }] as Config['agent']['logs']
  return { ...agent, logs, amqp: undefined, resources: { ...agent.resources, enabled: false } }
}

/** Writes what would be sent, waiting for a slow reader. */
function printing(out: NodeJS.WritableStream): { emit: Emit; settled: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve()
  const records = (batch: readonly OutRecord[]) => {
    const lines = Buffer.concat(batch.flatMap(({ value }) => [Buffer.from(value), Buffer.from('\n')]))
    last = last.then(() => new Promise((resolve) => void out.write(lines, () => resolve())))
    return last
  }
  return { emit: { records, events: (events) => records(events.map(encodeEvent)) }, settled: () => last }
}

/** A last line without its end goes out after a rest: then nothing is left. */
async function untilRead(
  metrics: Metrics,
  ready: () => { ok: boolean; detail?: string },
): Promise<{ ok: boolean; detail?: string }> {
  const deadlineMs = systemClock() + 600_000
  for (let quiet = 0; quiet < 3 && systemClock() < deadlineMs; ) {
    await sleep(200)
    const lag = await metrics.registry.getSingleMetric('thump_log_lag_bytes')?.get()
    const left = lag?.values.reduce((sum, { value }) => sum + value, 0) ?? 0
    if (!ready().ok) return ready()
    quiet = left === 0 ? quiet + 1 : 0
  }
  return ready()
}
