import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { sleep } from '../../../runtime/retry.ts'
import { runThump } from '../../servers/run-thump.ts'
import { cpuMs, peakBytes } from '../process-use.ts'

/** Long enough for the look through the newest days that begins half a minute after a start. */
const watchedMs = 120_000

/** As it is installed, where `npm run build` was run; sources take more memory. */
const installed = join(import.meta.dirname, '../../../bin/thump')
const isBuilt = existsSync(join(import.meta.dirname, '../../../dist/thump.js'))

/** `thump up` on a data folder whose days were stored before, without a broker: what it takes to be there. */
export async function measureUp(dataDir: string) {
  const config = stringify({
    dataDir,
    agent: { amqp: { url: 'amqp://127.0.0.1:9' } },
    storage: { sqlite: { retention: '36500d', maxBytes: '1TiB' } },
  })
  const up = await runThump(['up'], { config, ...(isBuilt && { program: [installed] }) })
  const peaks = []
  for (const waitMs of [20_000, watchedMs - 20_000]) {
    await sleep(waitMs, new AbortController().signal)
    peaks.push(peakBytes(up.pid) / 2 ** 20)
  }
  const cpu = cpuMs([up.pid])
  await up.stop()
  return {
    program: isBuilt ? 'installed' : 'sources',
    'peak MiB after 20 s': peaks[0] ?? 0,
    'peak MiB after 2 min': peaks[1] ?? 0,
    'CPU s': cpu / 1000,
  }
}
