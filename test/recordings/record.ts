import { connect, type GetMessage } from 'amqplib'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Broker } from '../../demo/broker/start-broker.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { fetchRabbitmq, startRabbitmq, type RabbitmqVersion } from '../servers/rabbitmq.ts'
import { spend } from './afternoon.ts'
import { tableOf } from './table.ts'
import { watch } from './watched.ts'

/**
 * `npm run record [-- 3.10 4.0]`: spends an afternoon on a private broker of each version, and writes what the broker told
 * (each event, each log line) and the table made of it. Look at the difference before it is committed.
 */
const folder = join(import.meta.dirname, '../fixtures/recordings')
const tape = 'mon.tape'

async function record(version: RabbitmqVersion): Promise<void> {
  const shutdown = new Shutdown()
  try {
    const broker = shutdown.own('broker', await startRabbitmq(version))
    await startTape(broker)
    const watched = shutdown.own('agent', await watch(broker, { firehose: { enabled: true } }))
    await broker.ctl('trace_on')
    await spend(broker, watched)
    const plain = await withoutPlaces(broker, version)
    mkdirSync(folder, { recursive: true })
    const write = (name: string, text: string) => writeFileSync(join(folder, `${version}.${name}`), plain(text))
    write('events.ndjson', await readTape(broker))
    write('rabbit.log', readFileSync(broker.logFile, 'utf8'))
    write('access.log', accessLog(broker))
    writeFileSync(join(folder, `${version}.operations.txt`), tableOf(watched.events))
    console.log(`${version}: recorded`)
  } finally {
    await shutdown.run(AbortSignal.timeout(60_000))
  }
}

/** A durable queue of its own: what it holds outlives the node's restart. */
async function startTape(broker: Broker): Promise<void> {
  const connection = await connect(broker.amqpUrl)
  const channel = await connection.createChannel()
  await channel.assertQueue(tape, { durable: true })
  await channel.bindQueue(tape, 'amq.rabbitmq.event', '#')
  await connection.close()
}

async function readTape(broker: Broker): Promise<string> {
  const connection = await connect(broker.amqpUrl)
  const channel = await connection.createChannel()
  const lines: string[] = []
  for (let message = await channel.get(tape); message; message = await channel.get(tape)) lines.push(lineOf(message))
  await connection.close()
  return `${lines.join('\n')}\n`
}

function lineOf({ fields, properties }: GetMessage): string {
  const { headers, timestamp } = properties as { headers: object; timestamp: number }
  return JSON.stringify({ routingKey: fields.routingKey, timestampS: timestamp, headers })
}

function accessLog({ logDir }: Broker): string {
  const files = readdirSync(logDir).filter((name) => name.startsWith('access.log'))
  return files
    .toSorted()
    .map((name) => readFileSync(join(logDir, name), 'utf8'))
    .join('')
}

/** No folder of this machine, nor its name, belongs into a recording. */
async function withoutPlaces(broker: Broker, version: RabbitmqVersion): Promise<(text: string) => string> {
  const root = await fetchRabbitmq(version)
  const places = [join(broker.logDir, '..'), root.sbin, root.erlangBin, ...(root.erlangRoot ? [root.erlangRoot] : [])]
  return (text) => places.reduce((plain, place) => plain.replaceAll(place, '/opt/rabbitmq'), text)
}

const asked = process.argv.slice(2)
for (const version of asked.length > 0 ? asked : ['3.10', '4.0']) await record(version as RabbitmqVersion)
