import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { builtinNames } from '../../../agent/redact/redactor.ts'
import { openSources } from '../../../agent/open-sources.ts'
import type { Emit } from '../../../agent/source.ts'
import { encodeEvent } from '../../../event/encode.ts'
import { configSchema } from '../../../runtime/config/schema.ts'
import { createHealth } from '../../../runtime/health.ts'
import { createLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { testIdentity, unique } from '../rabbitmq/harness.ts'
import { ownVhost } from './harness.ts'
import { allOfIt as all, crashReport, personal, rules, traces } from './personal.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test('planted personal data is found in no byte that leaves: bodies, headers, keys, arguments, parameters, log lines, our own log and metrics', async () => {
  const rabbit = shared().rabbit40
  const { vhost, client, call } = await ownVhost(rabbit, cleanups)
  const dir = mkdtempSync(join(tmpdir(), 'thump-planted-'))
  cleanups.push(() => Promise.resolve(rmSync(dir, { recursive: true })))
  const dictionaryFile = join(dir, 'words.txt')
  writeFileSync(dictionaryFile, `# secret projects\n${personal.word}\n`)
  const logFile = join(dir, 'rabbit@mq1.log')
  writeFileSync(logFile, '')
  const eventsQueue = unique('mon.planted-')
  cleanups.push(() => call('DELETE', `/queues/%2F/${eventsQueue}`))
  const account = { username: 'guest', password: 'guest' }
  const config = configSchema.parse({
    dataDir: dir,
    agent: {
      logs: [{ paths: [logFile] }],
      amqp: { url: rabbit.amqpUrl, ...account },
      events: { queue: eventsQueue },
      firehose: { enabled: true, vhosts: [vhost], payload: 'full', stopWhen: { memory: 1 } },
      resources: { url: rabbit.managementUrl },
      redact: {
        builtin: [...builtinNames],
        rules: [
          { name: 'projects', dictionaryFile },
          { name: 'staff', pattern: String.raw`EMP-\d+` },
        ],
      },
    },
  })
  const sent: Buffer[] = []
  const emit: Emit = {
    events: (events) =>
      Promise.resolve(void sent.push(...events.map((event) => Buffer.from(encodeEvent(event).value)))),
    records: (records) => Promise.resolve(void sent.push(...records.map(({ value }) => Buffer.from(value)))),
  }
  const metrics = createMetrics()
  let ownLog = ''
  const log = createLogger({
    level: 'trace',
    format: 'json',
    colour: false,
    destination: { write: (line: string) => (ownLog += line) },
  })
  const deps = { config, identity: testIdentity(), emit, log, metrics, health: createHealth(), now: Date.now }
  const { sources } = openSources(deps)
  expect(sources.map(({ name }) => name)).toEqual(['log-files', 'events', 'firehose', 'resources'])
  for (const source of sources) {
    const started = await source.start()
    cleanups.push(() => started.stop())
    await eventually(() => started.value.ready().ok, { what: `${source.name} ready` })
  }

  const channel = await client()
  const [queue, marker] = [unique('q-'), unique('marker-')]
  await channel.assertQueue(queue, { exclusive: true, arguments: { 'x-note': all } })
  const properties = {
    headers: { note: all, nested: { list: [all] }, password: 'geheim-key', card: 4111111111111111, [personal.mail]: 1 },
  }
  channel.publish('', queue, Buffer.from(JSON.stringify({ all })), { ...properties, correlationId: personal.phone })
  channel.publish('', queue, gzipSync(all), { contentEncoding: 'gzip' })
  channel.publish('amq.topic', `user.${personal.phone}`, Buffer.from(all), { userId: 'guest', replyTo: personal.mail })
  channel.publish('amq.topic', marker, Buffer.from('end'))
  await channel.consume(queue, () => {}, { noAck: true })
  await call('PUT', `/parameters/shovel/${vhost}/planted`, {
    value: { 'src-uri': personal.uri, 'src-queue': 'a', 'dest-uri': personal.uri, 'dest-queue': 'b' },
  })
  const stamp = '2026-11-24 15:31:43.123456+00:00'
  writeFileSync(
    logFile,
    `${stamp} [info] <0.684.0> ${all}\n${crashReport(stamp)}${stamp} [info] <0.684.0> ${marker} log\n`,
    {
      flag: 'a',
    },
  )

  const text = () => Buffer.concat(sent).toString('utf8')
  const count = (part: string) => text().split(part).length - 1
  await eventually(() => count(marker) >= 2 && count('"queue.declare"') > 0, { what: 'the last of them sent' })
  await eventually(() => count('"basic.deliver"') >= 2, { what: 'the deliveries' })
  const everything = `${text()}\n${ownLog}\n${await metrics.registry.metrics()}`
  for (const trace of traces) expect(everything, trace).not.toContain(trace)
  for (const rule of rules) expect(everything).toContain(`{"rule":"${rule}","count":`)
})
