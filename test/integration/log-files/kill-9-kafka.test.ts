import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createKafkaTransport } from '../../../transport/kafka/kafka-transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { startKafka } from '../../servers/kafka.ts'
import { runThump } from '../../servers/run-thump.ts'
import { kafkaOptions } from '../transport/kafka-setup.ts'
import { line } from './harness.ts'
import { startLoad } from './kafka-load.ts'
import { startTally, type Tally } from './kafka-tally.ts'
import { randomOf } from './model.ts'

const kills = Number(process.env['THUMP_KAFKA_KILLS'] ?? 2)
const seed = Number(process.env['THUMP_SEED'] ?? 1)
/** What is in flight and what was acknowledged since the last checkpoint, on a machine that is slow in all of it. */
const maxRepeatedBytes = 40e6

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** What must never be, however far it is; told with the round in which it was first seen. */
function expectSound({ gaps, underTwoIds, outOfOrder }: Tally, at: Record<string, number>): void {
  expect({ ...at, gaps, underTwoIds, outOfOrder }).toEqual({ ...at, gaps: [], underTwoIds: [], outOfOrder: [] })
}

/** How many events this very process has had acknowledged. */
async function deliveredBy(healthUrl: string): Promise<number> {
  const metrics = await (await fetch(`${healthUrl}/metrics`, { signal: AbortSignal.timeout(5000) })).text()
  return Number(/^thump_events_delivered_total\{topic="APP"\} (\d+)/m.exec(metrics)?.[1] ?? 0)
}

async function startBench() {
  const base = mkdtempSync(join(tmpdir(), 'thump-kill-'))
  const path = join(base, 'logs/x.log')
  mkdirSync(join(base, 'logs'))
  onTestFinished(() => rmSync(base, { recursive: true, force: true }))
  const kafka = await startKafka()
  onTestFinished(() => kafka.stop())
  const options = kafkaOptions({ brokers: [...kafka.value.brokers] })
  const { APP: app, THUMP: self } = options.topics
  const dataDir = join(base, 'data')
  const config = JSON.stringify({
    cluster: 'c',
    dataDir,
    transport: { kind: 'kafka', topics: { app, self }, kafka: { brokers: options.brokers } },
    agent: { node: 'rabbit@kill', logs: [{ paths: [path] }], resources: { enabled: false } },
  })
  const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
  const { value: transport, stop } = await createKafkaTransport(options, deps)
  onTestFinished(stop)
  return { path, dataDir, config, transport }
}

test('killed at random moments of 20 MB/s into Kafka, rotating all the time: nothing is lost, and what was in flight alone repeats', {
  timeout: 3_600_000,
  ...(kills > 10 && { retry: 0 }),
}, async () => {
  const random = randomOf(seed)
  const { path, dataDir, config, transport } = await startBench()
  appendFileSync(path, line('before all'))
  const startedMs = Date.now()
  let agent = await runThump(['agent'], { config })
  onTestFinished(async () => void (await agent.kill()))
  await agent.ready()
  const { value: tally, stop } = await startTally(transport)
  onTestFinished(stop)
  const load = startLoad(path, dataDir, random)
  onTestFinished(load.stop)
  for (let round = 0; round < kills; round++) {
    const { healthUrl } = agent
    // One in four is killed before it is known to send: while it starts, looks around or sends its first.
    if (random() < 0.75)
      await eventually(async () => (await deliveredBy(healthUrl)) > 500, { withinMs: 120_000, what: 'sending' })
    await pause(random() * 1500)
    await agent.kill()
    expectSound(tally, { seed, round })
    await pause(random() * 500)
    agent = await runThump(['agent'], { config })
  }
  load.stop()
  const { written, bytes, rotations, deleted, heldBackMs } = load.state
  const loadSeconds = (Date.now() - startedMs - heldBackMs) / 1000
  // A busy machine reads slowly; only when nothing more comes is something lost.
  const isOver = () => tally.distinct >= written || Date.now() - tally.lastNewMs > 60_000
  await eventually(isOver, { withinMs: 1_800_000, what: 'every line' })
  const stretches = tally.stretches()
  const longest = (Math.max(0, ...stretches) * bytes) / written
  console.info(
    `seed ${seed}: ${kills} kills, ${written} records, ${Math.round(bytes / 1e6)} MB at ${(bytes / 1e6 / loadSeconds).toFixed(1)} MB/s, ` +
      `${rotations} rotations, ${deleted} files deleted, ${stretches.length} stretches repeated (longest ${(longest / 1e6).toFixed(1)} MB), ` +
      `load held back ${Math.round(heldBackMs / 1000)} s, ${Math.round((Date.now() - startedMs) / 1000)} s in all`,
  )
  expectSound(tally, { seed, kills })
  expect({ seed, written, lost: tally.lost(written) }).toEqual({ seed, written, lost: [] })
  expect(rotations).toBeGreaterThan(0)
  // Each kill makes one stretch of lines come again, and no longer one than what was in flight.
  expect(stretches.length).toBeLessThanOrEqual(kills)
  expect(longest).toBeLessThan(maxRepeatedBytes)
})
