import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import type { BenchTable } from './bench.ts'
import { type ForwardBench, metric, never, openProducer, setUp, startBench, startForwarder } from './forward-bench.ts'
import { recordsOf } from './forward-events.ts'
import { residentBytes } from './process-use.ts'

const warmUpSeconds = 20
const sliceMs = 100
/** Between two lines of progress. */
const tellSeconds = 10
/** Of the table over time. */
const rowsAtMost = 20
const prefix = 'bench-outage'

interface Sample {
  readonly second: number
  readonly phase: string
  readonly lag: number
  readonly residentMb: number
}

/** Sends the same number of events in every slice of a second, until told to stop; behind, it catches up. */
async function load(bench: ForwardBench, rate: number, stopping: AbortSignal): Promise<number> {
  const { producer, stop } = await openProducer(bench)
  const size = Math.max(1, Math.round((rate * sliceMs) / 1000))
  const events = recordsOf(Number.MAX_SAFE_INTEGER, size)
  const startedMs = performance.now()
  let slices = 0
  while (!stopping.aborted) {
    const waitMs = startedMs + slices * sliceMs - performance.now()
    if (waitMs > 0) await sleep(waitMs, stopping).catch(() => {})
    const { value } = events.next()
    if (value) await producer.send(value, never)
    slices++
  }
  await stop()
  return slices * size
}

/** Ten minutes are long for who sees nothing of them: a line now and then, and one whenever the phase changes. */
function createProgress(): (sample: Sample) => void {
  let told: Sample | undefined
  return (sample) => {
    const { second, phase, lag, residentMb } = sample
    if (told?.phase === phase && second - told.second < tellSeconds) return
    told = sample
    console.error(`${second} s: ${phase}, lag ${lag}, RSS ${Math.round(residentMb)} MB`)
  }
}

async function count(url: string): Promise<number> {
  await fetch(`${url}/${prefix}-*/_refresh`, { method: 'POST' })
  return ((await (await fetch(`${url}/${prefix}-*/_count`)).json()) as { count: number }).count
}

/** Every event once, wherever it went: sent, in the store, and refused by it. */
function outcome(sent: number, found: number, samples: readonly Sample[], backAt: number, zeroAt: number): BenchTable {
  const peak = (phase: string) =>
    Math.round(Math.max(...samples.filter((one) => one.phase === phase).map((one) => one.residentMb)))
  return {
    title: 'what came of it',
    rows: [
      {
        'events sent': sent,
        'in the store': found,
        'greatest lag': Math.max(...samples.map(({ lag }) => lag)),
        'peak MB while away': peak('away'),
        'peak MB catching up': peak('back'),
        'seconds from its return to lag zero': zeroAt - backAt,
      },
    ],
  }
}

/** Elasticsearch killed under load and started again `seconds` later; the load goes on until the lag is zero again. */
export async function outage(seconds: number, rate: number): Promise<readonly BenchTable[]> {
  const shutdown = new Shutdown()
  try {
    const bench = await startBench(shutdown, { name: 'outage' })
    await setUp(bench, prefix)
    const role = await startForwarder(bench, prefix)
    shutdown.add('forwarder', async () => void (await role.kill()))
    const loading = new AbortController()
    const sending = load(bench, rate, loading.signal)
    shutdown.add('load', async () => loading.abort())
    const startedMs = performance.now()
    const samples: Sample[] = []
    const tell = createProgress()
    let phase = 'before'
    const watch = async (until: (lag: number) => boolean) => {
      for (;;) {
        const lag = await metric(role.healthUrl, 'thump_consumer_lag')
        const second = Math.round((performance.now() - startedMs) / 1000)
        const sample = { second, phase, lag, residentMb: residentBytes(role.pid) / 1e6 }
        samples.push(sample)
        tell(sample)
        if (until(lag)) return second
        await sleep(1000)
      }
    }
    const after = (ms: number) => {
      const endMs = performance.now() + ms
      return () => performance.now() >= endMs
    }
    await watch(after(warmUpSeconds * 1000))
    phase = 'away'
    await bench.elasticsearch.kill()
    await watch(after(seconds * 1000))
    await bench.elasticsearch.start()
    phase = 'back'
    const backAt = Math.round((performance.now() - startedMs) / 1000)
    // A second's worth is on its way at any time.
    const zeroAt = await watch((lag) => lag < rate)
    loading.abort()
    const sent = await sending
    while ((await metric(role.healthUrl, 'thump_stored_total')) < sent) await sleep(200)
    const found = await count(bench.elasticsearch.url)
    return [course(samples, seconds, rate), outcome(sent, found, samples, backAt, zeroAt)]
  } finally {
    await shutdown.run(AbortSignal.timeout(30_000))
  }
}

function course(samples: readonly Sample[], seconds: number, rate: number): BenchTable {
  const step = Math.ceil(samples.length / rowsAtMost)
  return {
    title: `Elasticsearch gone for ${seconds} s under ${rate} events/s`,
    rows: samples
      .filter((_, index) => index % step === 0 || index === samples.length - 1)
      .map(({ second, phase, lag, residentMb: mb }) => ({ second, phase, lag, 'RSS MB': Math.round(mb) })),
  }
}
