import { appendFileSync } from 'node:fs'
import { createLogFilesSource } from '../../../agent/sources/log-files/log-files.ts'
import { encodeEvent } from '../../../event/encode.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { sleep } from '../../../runtime/retry.ts'
import type { OutRecord } from '../../../transport/transport.ts'
import { logInput, quick, testIdentity } from './harness.ts'

const [logs = '', dataDir = '', topic = ''] = process.argv.slice(2)

/** A topic that is a file: a record a line. Acknowledging takes a while, so that much is in flight when the kill comes. */
async function records(batch: readonly OutRecord[], signal: AbortSignal): Promise<void> {
  appendFileSync(topic, batch.map(({ value }) => `${Buffer.from(value).toString()}\n`).join(''))
  await sleep(15, signal)
}

// What a kill tore stands alone on its line.
appendFileSync(topic, '\n')
await createLogFilesSource({
  inputs: [logInput(logs)],
  dataDir,
  identity: testIdentity,
  emit: { records, events: (events, signal) => records(events.map(encodeEvent), signal) },
  log: silentLogger,
  metrics: createMetrics(),
  health: createHealth(),
  now: Date.now,
  tuning: { ...quick, recordIdleMs: 200, readBytes: 16 << 10 },
}).start()
