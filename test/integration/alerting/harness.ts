import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Alerting, startAlerting } from '../../../alerting/app.ts'
import type { AlertRecord } from '../../../alerting/transition.ts'
import { encodeEvent } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import type { TopicName } from '../../../event/topics.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { type Config, configSchema } from '../../../runtime/config/schema.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { openTransport } from '../../../transport/open-transport.ts'
import type { Producer, Transport } from '../../../transport/transport.ts'

const never = new AbortController().signal
const noSearch = {} as EventSearch

/** An alerter over an embedded log of its own; rules are files in its folder. */
export interface Bench {
  readonly dir: string
  readonly transport: Transport
  writeRules(name: string, text: string): void
  send(topic: TopicName, ...events: ReadonlyArray<Record<string, unknown>>): Promise<void>
  start(settings?: { readonly alerting?: object; readonly dataDir?: string }): Promise<Running>
}

/** As the API lists it. */
export type ListedAlert = Pick<AlertRecord, 'id' | 'key' | 'state' | 'severity' | 'summary' | 'count' | 'ruleId'>

export interface Running extends Started<Alerting> {
  readonly metrics: ReturnType<typeof createMetrics>
  get(path: string): Promise<{ readonly status: number; readonly body: unknown }>
  post(path: string): Promise<{ readonly status: number; readonly body: unknown }>
  alerts(state?: AlertRecord['state']): Promise<readonly ListedAlert[]>
}

export async function openBench(): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'thump-alerting-'))
  const rulesDir = join(dir, 'rules')
  mkdirSync(rulesDir)
  const deps = () => ({ log: silentLogger, metrics: createMetrics(), now: systemClock })
  const transport = await openTransport(configOf({ dataDir: dir }), deps())
  const producer = await transport.value.createProducer()
  const running: Array<Started<unknown>> = []
  onTestFinished(async () => {
    for (const started of running.reverse()) await started.stop()
    await producer.stop()
    await transport.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  return {
    dir,
    transport: transport.value,
    writeRules: (name, text) => writeFileSync(join(rulesDir, name), text),
    send: (topic, ...events) => send(producer.value, topic, events),
    async start({ alerting = {}, dataDir = dir } = {}) {
      const base = { rules: [join(rulesDir, '*.yaml')], listen: '127.0.0.1:0', ...alerting }
      const started = await startRunning(configOf({ dataDir, alerting: base }), transport.value)
      running.push(started)
      return started
    },
  }
}

function configOf(config: object): Config {
  return configSchema.parse({ cluster: 'demo', transport: { embedded: { partitions: 2 } }, ...config })
}

let count = 0

async function send(
  producer: Producer,
  topic: TopicName,
  events: ReadonlyArray<Record<string, unknown>>,
): Promise<void> {
  const records = events.map((fields) => {
    const { event: given, ...rest } = fields
    const event = {
      '@timestamp': new Date().toISOString(),
      event: { id: `e${count++}`, dataset: 'rabbitmq.event', ...(given as object) },
      message: 'it happened',
      service: { type: 'rabbitmq' },
      agent: { id: 'a', version: '0' },
      ...rest,
    } as ThumpEvent
    return encodeEvent({ topic, key: 'demo/events', event })
  })
  const { rejected } = await producer.send(records, never)
  if (rejected.length > 0) throw new Error('the transport refused an event')
}

async function startRunning(config: Config, transport: Transport): Promise<Running> {
  const metrics = createMetrics()
  const started = await startAlerting({
    config,
    transport,
    search: noSearch,
    log: silentLogger,
    metrics,
    health: createHealth(),
    now: systemClock,
  })
  const ask = async (method: string, path: string) => {
    const response = await fetch(`http://127.0.0.1:${started.value.port}${path}`, { method })
    return { status: response.status, body: (await response.json()) as unknown }
  }
  return {
    ...started,
    metrics,
    get: (path) => ask('GET', path),
    post: (path) => ask('POST', path),
    async alerts(state) {
      const { body } = await ask('GET', `/api/v1/alerts${state === undefined ? '' : `?state=${state}`}`)
      const { alerts } = body as { alerts: Array<ListedAlert & { rule: string }> }
      return alerts.map(({ rule, ...alert }) => ({ ...alert, ruleId: rule }))
    },
  }
}
