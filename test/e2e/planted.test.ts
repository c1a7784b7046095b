import { execFile } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { connect } from 'amqplib'
import { expect, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { grant } from '../../agent/broker/least-privilege.ts'
import { builtinNames } from '../../agent/redact/redactor.ts'
import { allOfIt, crashReport, personal, rules, traces } from '../integration/firehose/personal.ts'
import { api, unique } from '../integration/rabbitmq/harness.ts'
import { ensureTool } from '../servers/cache.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'
import { type Installation, install, type Servers } from './installation.ts'
import { found } from './stored.ts'

const run = promisify(execFile)

test.each(['embedded', 'kafka'] as const)(
  'planted personal data is found in no byte of transport, storage, logs and metrics: %s',
  async (kind) => {
    const { rabbit40, kafka, elasticsearch } = shared()
    const far = kind === 'kafka' ? { kafka: kafka.brokers, elasticsearch: elasticsearch.url } : {}
    const { installation, vhost, logFile } = await installMasked({ broker: rabbit40, ...far })
    const { config, dir } = installation
    const names = kind === 'kafka' ? ['agent', 'forwarder', 'alerting'] : ['up']
    const roles = await Promise.all(names.map((name) => runThump([name], { config })))
    onTestFinished(async () => void (await Promise.all(roles.map((role) => role.kill()))))
    await Promise.all(roles.map((role) => role.ready()))

    const marker = unique('marker-')
    await plant(vhost, marker, logFile)
    // The last of each way has arrived: what was sent before it has, too.
    await eventually(async () => (await found(installation, `rabbitmq.routing_keys: ${marker}`)).length > 0, {
      what: 'the traces stored',
    })
    const lines = async () => (await found(installation, 'event.dataset: rabbitmq.log')).map(({ message }) => message)
    await eventually(async () => (await lines()).some((line) => line.includes(marker)), {
      what: 'the log lines stored',
    })
    await eventually(async () => (await found(installation, `rabbitmq.queue: q-${marker}`)).length > 0, {
      what: 'the events stored',
    })
    const metrics = await Promise.all(roles.map(async (role) => (await fetch(`${role.healthUrl}/metrics`)).text()))
    const stored = JSON.stringify(await found(installation, `rabbitmq.vhost: ${vhost} or event.dataset: rabbitmq.log`))
    const places: Record<string, string> = {
      metrics: metrics.join('\n'),
      storage: stored,
      ...(kind === 'kafka' ? await readFar(installation, far) : { files: readBelow(join(dir, 'data')) }),
    }
    const exits = await Promise.all(roles.map((role) => role.stop()))
    places['own logs'] = exits.map(({ stdout, stderr }) => stdout + stderr).join('\n')

    for (const [place, text] of Object.entries(places)) {
      expect(text.length, place).toBeGreaterThan(100)
      for (const trace of traces) expect(text.includes(trace), `${trace} in ${place}`).toBe(false)
    }
    // The search is worth something: what should be there is.
    for (const rule of rules) expect(stored).toContain(`{"rule":"${rule}","count":`)
    for (const place of ['storage', 'topics', 'index', 'files'])
      if (places[place] !== undefined) expect(places[place], place).toContain(marker)
  },
  240_000,
)

/** A vhost, a log file and rules of one's own; the monitor may read the vhost's firehose. */
async function installMasked(servers: Servers) {
  const installation = await install(servers)
  onTestFinished(() => installation.remove(), 60_000)
  const { dir, monitor } = installation
  const vhost = unique('planted-')
  const broker = api(shared().rabbit40)
  await broker.call('PUT', `/vhosts/${vhost}`, { tracing: true })
  onTestFinished(async () => {
    await broker.call('PUT', `/vhosts/${vhost}`, { tracing: false })
    await broker.call('DELETE', `/vhosts/${vhost}`)
  })
  await broker.call('PUT', `/permissions/${vhost}/guest`, { configure: '.*', write: '.*', read: '.*' })
  await broker.call('PUT', `/permissions/${vhost}/${monitor.username}`, grant)
  const logFile = join(dir, 'rabbit@planted.log')
  writeFileSync(logFile, '')
  writeFileSync(join(dir, 'words.txt'), `${personal.word}\n`)
  const config = parse(installation.config) as { agent: Record<string, unknown> }
  config.agent['logs'] = [{ paths: [logFile] }]
  config.agent['firehose'] = { enabled: true, vhosts: [vhost], payload: 'full', stopWhen: { memory: 1 } }
  config.agent['redact'] = {
    builtin: builtinNames,
    rules: [
      { name: 'projects', dictionaryFile: join(dir, 'words.txt') },
      { name: 'staff', pattern: String.raw`EMP-\d+` },
    ],
  }
  return { installation: { ...installation, config: stringify(config) }, vhost, logFile }
}

/** All kinds by all ways: bodies, headers, properties, routing keys, arguments, a connection's name, parameters, log lines, a crash report. */
async function plant(vhost: string, marker: string, logFile: string): Promise<void> {
  const url = new URL(shared().rabbit40.amqpUrl)
  const connection = await connect(
    { hostname: url.hostname, port: Number(url.port), username: 'guest', password: 'guest', vhost },
    { clientProperties: { connection_name: `app of ${allOfIt}` } },
  )
  connection.on('error', () => {})
  onTestFinished(() => connection.close().catch(() => {}))
  const channel = await connection.createChannel()
  const queue = `q-${marker}`
  await channel.assertQueue(queue, { exclusive: true, arguments: { 'x-note': allOfIt } })
  const headers = {
    note: allOfIt,
    nested: { list: [allOfIt] },
    password: 'geheim-key',
    card: 4111111111111111,
    [personal.mail]: 1,
  }
  channel.publish('', queue, Buffer.from(JSON.stringify({ allOfIt })), { headers, correlationId: personal.phone })
  channel.publish('', queue, gzipSync(allOfIt), { contentEncoding: 'gzip' })
  channel.publish('amq.topic', `user.${personal.phone}`, Buffer.from(allOfIt), { replyTo: personal.mail })
  await channel.consume(queue, () => {}, { noAck: true })
  const value = { 'src-uri': personal.uri, 'src-queue': 'a', 'dest-uri': personal.uri, 'dest-queue': 'b' }
  await api(shared().rabbit40).call('PUT', `/parameters/shovel/${vhost}/planted`, { value })
  channel.publish('amq.topic', marker, Buffer.from('end'))
  const stamp = new Date().toISOString().replace('T', ' ').replace('Z', '000+00:00')
  appendFileSync(logFile, `${stamp} [info] <0.684.0> ${allOfIt}\n${crashReport(stamp)}`)
  appendFileSync(logFile, `${stamp} [info] <0.684.0> ${marker} is the end\n${stamp} [info] <0.684.0> after\n`)
}

/** Every record of every topic, and every document of every index, as bytes. */
async function readFar(
  { topics, indexPrefix }: Installation,
  far: { kafka?: readonly string[]; elasticsearch?: string },
) {
  const kcat = await ensureTool('kcat')
  const records = await Promise.all(
    Object.values(topics).map(async (topic) => {
      const args = [
        '-C',
        '-e',
        '-q',
        '-b',
        (far.kafka ?? []).join(','),
        '-t',
        topic,
        '-o',
        'beginning',
        '-f',
        '%k\t%h\t%s\n',
      ]
      const { stdout } = await run(kcat, args, { maxBuffer: 64 * 2 ** 20, timeout: 30_000 }).catch(() => ({
        stdout: '',
      }))
      return stdout
    }),
  )
  const response = await fetch(`${far.elasticsearch}/${indexPrefix}-*/_search?size=10000`)
  return { topics: records.join('\n'), index: await response.text() }
}

/** All files, as they are on the disk. */
function readBelow(dir: string): string {
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path).toString('utf8'))
    .join('\n')
}
