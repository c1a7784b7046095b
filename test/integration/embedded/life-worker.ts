import { join } from 'node:path'
import { startForwarder } from '../../../forwarder/forwarder.ts'
import { createHealth } from '../../../runtime/health.ts'
import { createLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { sleep } from '../../../runtime/retry.ts'
import { createSqliteStorage } from '../../../storage/sqlite/sqlite-storage.ts'
import { createEmbeddedTransport } from '../../../transport/embedded/embedded-transport.ts'
import { itemAt } from '../storage/sqlite-story.ts'

/**
 * One life of the embedded default: log, forwarder and days. Sends numbered events from `from` on and says `ack N` when all
 * below N are durable; with `drain` it sends nothing and says `drained` when everything in the log is stored.
 */
const [dir = '', from = '0', mode = 'send'] = process.argv.slice(2)
const topics = { APP: 'APP', AMQP: 'AMQP', METRIC: 'METRIC', THUMP: 'THUMP', DEADLETTER: 'DEADLETTER' } as const
const say = (line: string) => void process.stdout.write(line.endsWith('\n') ? line : `${line}\n`)
const log = createLogger({ level: 'warn', format: 'json', colour: false, destination: { write: say } })
const deps = { log, metrics: createMetrics(), now: Date.now }
const transport = await createEmbeddedTransport(
  {
    dir: join(dir, 'log'),
    topics,
    partitions: 2,
    retentionMs: 1e12,
    maxBytes: 2 ** 30,
    mode: 'write',
    segmentBytes: 40_000,
  },
  deps,
)
const storage = await createSqliteStorage(
  { dir: join(dir, 'events'), retentionMs: 1e13, maxBytes: 1e12, mode: 'write' },
  deps,
)
const parts = { ...deps, transport: transport.value, storage: storage.value, health: createHealth() }
const forwarder = await startForwarder(parts)

async function send(): Promise<never> {
  const producer = await transport.value.createProducer()
  for (let next = Number(from); ; ) {
    const items = Array.from({ length: 1 + (next % 7) }, (_, index) => itemAt(next + index))
    const records = items.map(({ topic, id, value, atMs }, index) => {
      return { topic, key: `key ${(next + index) % 5}`, value, headers: { schema: '1', id }, timestampMs: atMs }
    })
    await producer.value.send(records, new AbortController().signal)
    next += items.length
    say(`ack ${next}`)
  }
}

async function drain(): Promise<void> {
  let quiet = 0
  while (quiet < 3) {
    const behind = forwarder.value.lag().reduce((sum, { records }) => sum + records, 0)
    quiet = behind === 0 ? quiet + 1 : 0
    await sleep(100)
  }
  await forwarder.stop()
  await storage.stop()
  await transport.stop()
  say('drained')
}

await (mode === 'drain' ? drain() : send())
