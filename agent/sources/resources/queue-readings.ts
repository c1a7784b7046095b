import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import { parseSample } from '../../parse/prometheus/samples.ts'

/** Numbers of one queue; what the broker did not say is absent. */
export interface QueueReading {
  readonly vhost: string
  readonly queue: string
  messages?: number
  messages_ready?: number
  messages_unacked?: number
  consumers?: number
  memory_bytes?: number
}
export type QueueReadings = ReadonlyMap<string, QueueReading>
type NumberField = Exclude<keyof QueueReading, 'vhost' | 'queue'>

/** The cheapest there is: 5,000 queues cost the broker some 30 ms; memory is in a family that costs seven times as much. */
const cheapFamilies = ['queue_coarse_metrics', 'queue_consumer_count']
const wholeFamilies = [...cheapFamilies, 'queue_metrics']
const names: Readonly<Record<string, NumberField>> = {
  rabbitmq_detailed_queue_messages: 'messages',
  rabbitmq_detailed_queue_messages_ready: 'messages_ready',
  rabbitmq_detailed_queue_messages_unacked: 'messages_unacked',
  rabbitmq_detailed_queue_consumers: 'consumers',
  rabbitmq_detailed_queue_process_memory_bytes: 'memory_bytes',
}
const timeoutMs = 10_000
/** 100,000 queues are 30 MB. */
const maxBytes = 64 << 20

export const queueKey = (vhost: string, queue: string) => JSON.stringify([vhost, queue])

/** The queues of the node beside us, from its Prometheus endpoint. Throws where that is not there. */
export async function readPrometheus(url: string, isWhole: boolean, signal: AbortSignal): Promise<QueueReadings> {
  const families = (isWhole ? wholeFamilies : cheapFamilies).map((family) => `family=${family}`).join('&')
  const response = await fetch(`${url.replace(/\/$/, '')}/metrics/detailed?${families}`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    throw new Error(`the Prometheus endpoint answered ${response.status} to /metrics/detailed`)
  }
  const readings = new Map<string, QueueReading>()
  const decoder = new TextDecoder()
  let rest = ''
  let bytes = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the Prometheus endpoint sent more than ${maxBytes} bytes`)
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line, readings)
  }
  take(rest, readings)
  return readings
}

function take(line: string, readings: Map<string, QueueReading>): void {
  const sample = parseSample(line)
  const field = sample && names[sample.name]
  const { vhost, queue } = sample?.labels ?? {}
  if (!sample || field === undefined || vhost === undefined || queue === undefined) return
  const key = queueKey(vhost, queue)
  let reading = readings.get(key)
  if (!reading) readings.set(key, (reading = { vhost, queue }))
  reading[field] = sample.value
}

const fromApi = {
  messages: 'messages',
  messages_ready: 'messages_ready',
  messages_unacknowledged: 'messages_unacked',
  consumers: 'consumers',
  memory: 'memory_bytes',
} as const

/**
 * The queues of the whole cluster, from the management API: for brokers without the Prometheus plugin. Not by pages: for
 * each of them the broker lists all queues anew. Throws UnavailableError.
 */
export async function readManagement(account: ManagementAccount, signal: AbortSignal): Promise<QueueReadings> {
  const readings = new Map<string, QueueReading>()
  const answer: unknown = await askManagement(account, '/queues?disable_stats=true&enable_queue_totals=true', signal)
  for (const row of Array.isArray(answer) ? (answer as Record<string, unknown>[]) : []) {
    const { vhost, name: queue } = row
    if (typeof vhost !== 'string' || typeof queue !== 'string') continue
    const reading: QueueReading = { vhost, queue }
    for (const [theirs, ours] of Object.entries(fromApi)) {
      const value = row[theirs]
      if (typeof value === 'number') reading[ours] = value
    }
    readings.set(queueKey(vhost, queue), reading)
  }
  return readings
}
