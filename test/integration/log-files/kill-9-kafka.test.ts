import { appendFileSync, existsSync, mkdtempSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
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
import { randomOf } from './model.ts'

const kills = Number(process.env['THUMP_KAFKA_KILLS'] ?? 2)
const seed = Number(process.env['THUMP_SEED'] ?? 1)
const bytesPerSecond = 20e6
const rotatedBytes = 15e6
/** What is in flight and what was acknowledged since the last checkpoint, on a machine that is slow in all of it. */
const maxRepeatedBytes = 40e6

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Numbered records of about 1.5 kB at 20 MB/s; the file is renamed along the chain .1, .2, … every 15 MB. */
function startWriter(path: string, random: () => number) {
  const state = { written: 0, bytes: 0, lastMs: Date.now(), fileBytes: 0, rotations: 0 }
  const rotate = () => {
    let last = 1
    while (existsSync(`${path}.${last}`)) last++
    for (; last > 1; last--) renameSync(`${path}.${last - 1}`, `${path}.${last}`)
    renameSync(path, `${path}.1`)
    state.rotations++
    state.fileBytes = 0
  }
  const timer = setInterval(() => {
    // Where the machine cannot keep up, the load is what it can.
    const due = Math.min(2e6, ((Date.now() - state.lastMs) / 1000) * bytesPerSecond)
    state.lastMs = Date.now()
    let text = ''
    while (text.length < due) text += line(`t${++state.written}e ${'x'.repeat(500 + random() * 2000)}`)
    appendFileSync(path, text)
    state.bytes += text.length
    state.fileBytes += text.length
    if (state.fileBytes >= rotatedBytes) rotate()
  }, 20)
  return { state, stop: () => clearInterval(timer) }
}

test('killed at random moments of 20 MB/s into Kafka, rotating all the time: nothing is lost, and what was in flight alone repeats', async () => {
  const random = randomOf(seed)
  const base = mkdtempSync(join(tmpdir(), 'thump-kill-'))
  const path = join(base, 'logs/x.log')
  mkdirSync(join(base, 'logs'))
  onTestFinished(() => rmSync(base, { recursive: true, force: true }))
  const kafka = await startKafka()
  onTestFinished(() => kafka.stop())
  const options = kafkaOptions({ brokers: [...kafka.value.brokers] })
  const { APP: app, THUMP: self } = options.topics
  const config = JSON.stringify({
    cluster: 'c',
    dataDir: join(base, 'data'),
    transport: { kind: 'kafka', topics: { app, self }, kafka: { brokers: options.brokers } },
    agent: { node: 'rabbit@kill', logs: [{ paths: [path] }], resources: { enabled: false } },
  })
  const admin = new KafkaClient({ brokers: [...kafka.value.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  onTestFinished(() => admin.disconnect())
  const arrived = async () => {
    const offsets = await admin.fetchTopicOffsets(app)
    return offsets.reduce((sum, { offset }) => sum + Number(offset), 0)
  }
  let agent = await runThump(['agent'], { config })
  onTestFinished(async () => void (await agent.kill()))
  appendFileSync(path, line('t0e first'))
  await eventually(async () => (await arrived()) > 0, { what: 'the first line' })
  const writer = startWriter(path, random)
  onTestFinished(writer.stop)
  for (let round = 0; round < kills; round++) {
    const before = await arrived()
    await eventually(async () => (await arrived()) > before + 500, { withinMs: 60_000, what: 'alive and sending' })
    await pause(random() * 1500)
    await agent.kill()
    await pause(random() * 500)
    agent = await runThump(['agent'], { config })
  }
  writer.stop()
  const { written, bytes, rotations } = writer.state
  const { value: transport, stop } = await createKafkaTransport(options, {
    log: silentLogger,
    metrics: createMetrics(),
    now: systemClock,
  })
  onTestFinished(stop)
  const seen = await readTopic(transport, written)
  expect({ seed, written, rotations, lost: seen.lost, underTwoIds: seen.underTwoIds, gaps: seen.gaps }).toMatchObject({
    lost: [],
    underTwoIds: [],
    gaps: [],
  })
  expect(rotations).toBeGreaterThan(0)
  // Each kill makes one stretch of lines come again, and no longer one than what was in flight.
  expect(seen.stretches.length).toBeLessThanOrEqual(kills)
  for (const count of seen.stretches) expect((count * bytes) / written).toBeLessThan(maxRepeatedBytes)
}, 3_600_000)

type Transport = Awaited<ReturnType<typeof createKafkaTransport>>['value']

/** Reads until every token has come; a token's id is kept as a number. */
async function readTopic(transport: Transport, written: number) {
  const ids = new Float64Array(written + 1)
  const underTwoIds: number[] = []
  const repeated = new Uint8Array(written + 1)
  const gaps: string[] = []
  let [distinct, progressMs] = [0, Date.now()]
  const consumer = await transport.createConsumer(
    { role: 'reader', topics: ['APP', 'THUMP'], startAt: 'beginning' },
    {
      records: ({ records, topic }) => {
        for (const { value, headers } of records) {
          if (topic === 'THUMP' && value.includes('log.gap')) gaps.push(value.toString())
          const token = Number(/"message":"t(\d+)e/.exec(value.toString('latin1', 0, 400))?.[1] ?? 0)
          if (topic === 'THUMP' || token === 0) continue
          const id = crc32(headers['id'] ?? '') + 1
          if (ids[token] !== 0) repeated[token] = 1
          else {
            distinct++
            progressMs = Date.now()
          }
          if (ids[token] !== 0 && ids[token] !== id) underTwoIds.push(token)
          ids[token] = id
        }
        return Promise.resolve()
      },
    },
  )
  // A busy machine reads slowly; only when nothing more comes is something lost.
  const isOver = () => distinct >= written || Date.now() - progressMs > 60_000
  await eventually(isOver, { withinMs: 1_800_000, what: 'every line' })
  await consumer.stop()
  const tokens = Array.from({ length: written }, (_, index) => index + 1)
  return {
    lost: tokens.filter((token) => ids[token] === 0).slice(0, 10),
    underTwoIds: underTwoIds.slice(0, 10),
    gaps,
    stretches: stretchesOf(repeated),
  }
}

/** How long each run of repeated tokens is. */
function stretchesOf(repeated: Uint8Array): number[] {
  const lengths: number[] = []
  for (const [token, flag] of repeated.entries()) {
    if (flag === 0) continue
    if (repeated[token - 1] === 1) lengths.push((lengths.pop() ?? 0) + 1)
    else lengths.push(1)
  }
  return lengths
}
