import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { reasonOf } from '../../runtime/errors.ts'
import { createLogger } from '../../runtime/log.ts'
import { createClient } from '../../storage/elasticsearch/client.ts'
import { elasticsearchSetup } from '../../storage/elasticsearch/setup-requests.ts'
import { defaultTimes, KafkaClient } from '../../transport/kafka/client.ts'
import { Metadata } from '../../transport/kafka/metadata.ts'
import type { Context } from '../context.ts'
import { topicDifferences } from '../../transport/kafka/topics.ts'
import { fail, type Finding, ok, warn } from './finding.ts'
import { judgeTopic, notCompared } from './topics.ts'

const timeoutMs = 10_000
const silent = createLogger({ level: 'silent', format: 'json', colour: false, destination: process.stderr })

/** The way events travel: brokers, topics, partitions. */
export async function checkTransport({ config }: Context): Promise<Finding[]> {
  const { kind, kafka, topics } = config.transport
  if (kind === 'embedded') {
    const dir = join(config.dataDir, 'log')
    return [ok('transport', `embedded, in ${dir}${existsSync(dir) ? '' : ' (made at the first start)'}`)]
  }
  const client = new KafkaClient(kafka, defaultTimes, silent)
  try {
    const metadata = new Metadata(client)
    const names = Object.values(topics)
    metadata.want(names)
    await within(metadata.refresh())
    const deps = { client, metadata, createTopics: kafka.createTopics, log: silent }
    const compared = await within(topicDifferences(deps, names)).catch((error: unknown) => notCompared(error))
    const differences = Array.isArray(compared) ? compared : []
    const found = names.map((name) =>
      judgeTopic(
        name,
        metadata.topic(name),
        differences.filter(({ topic }) => topic === name),
        kafka,
      ),
    )
    if (!Array.isArray(compared)) found.push(compared)
    return [ok('transport', `Kafka at ${kafka.brokers.join(', ')} answers`), ...found]
  } catch (error) {
    return [
      fail(
        'transport',
        `Kafka at ${kafka.brokers.join(', ')}: ${reasonOf(error)}`,
        'set transport.kafka.brokers, tls and sasl as the brokers want them',
      ),
    ]
  } finally {
    client.close()
  }
}

/** Where events rest. */
export async function checkStorage({ config }: Context): Promise<Finding[]> {
  const { kind, elasticsearch } = config.storage
  if (kind === 'sqlite') return [ok('storage', `SQLite, in ${join(config.dataDir, 'events')}`)]
  const client = createClient({ ...elasticsearch, retentionMs: elasticsearch.retention })
  const at = elasticsearch.nodes.join(', ')
  try {
    const { status } = await client.cluster.health({}, { requestTimeout: timeoutMs })
    // The version is nice to know; not every key may ask for it.
    const version = await client.info({}, { requestTimeout: timeoutMs }).then(
      (info) => ` ${info.version.number}`,
      () => '',
    )
    const text = `Elasticsearch${version} at ${at}: ${String(status)}`
    const isRed = String(status).toLowerCase() === 'red'
    const state = isRed ? fail('storage', text, 'look at the shards that are not assigned') : ok('storage', text)
    return [state, ...(await missingTemplates(client, elasticsearch.indexPrefix))]
  } catch (error) {
    return [
      fail(
        'storage',
        `Elasticsearch at ${at}: ${reasonOf(error)}`,
        'set storage.elasticsearch.nodes, its key or password, and tls.ca',
      ),
    ]
  } finally {
    await client.close()
  }
}

async function missingTemplates(client: ReturnType<typeof createClient>, prefix: string): Promise<Finding[]> {
  const folder = '/_index_template/'
  const names = elasticsearchSetup(prefix).templates.flatMap(({ path }) =>
    path.startsWith(folder) ? [path.slice(folder.length)] : [],
  )
  try {
    const there = await Promise.all(names.map((name) => client.indices.existsIndexTemplate({ name })))
    const missing = names.filter((_, index) => !there[index])
    return missing.length === 0
      ? [ok('indices', 'all index templates are installed')]
      : [fail('indices', `index templates are missing: ${missing.join(', ')}`, 'thump setup elasticsearch')]
  } catch (error) {
    return [warn('indices', `whether the index templates are there may not be asked: ${reasonOf(error)}`)]
  }
}

/** Channels are reached, not used: a message is sent by thump notify test only. */
export async function checkChannels({ config }: Context): Promise<Finding[]> {
  const channels = Object.entries(config.alerting.channels)
  if (channels.length === 0) return [warn('channels', 'alerting.channels is empty: nobody is told')]
  return Promise.all(
    channels.map(async ([name, channel]): Promise<Finding> => {
      const target = targetOf(channel as Readonly<Record<string, unknown>>)
      if (!target) return ok('channels', `${name} (${channel.type}); thump notify test ${name} sends one`)
      try {
        await reach(target)
        return ok(
          'channels',
          `${name} (${channel.type}): ${target.host}:${target.port} is reached; thump notify test ${name} sends one`,
        )
      } catch (error) {
        return fail(
          'channels',
          `${name} (${channel.type}): ${target.host}:${target.port}: ${reasonOf(error)}`,
          'let this host through, or set proxy',
        )
      }
    }),
  )
}

interface Target {
  readonly host: string
  readonly port: number
}

/** The host a channel talks to; a webhook's path is a secret and stays one. */
function targetOf(channel: Readonly<Record<string, unknown>>): Target | undefined {
  const smtp = channel['smtp'] as { host: string; port: number } | undefined
  if (smtp) return { host: smtp.host, port: smtp.port }
  if (channel['proxy'] !== undefined) return hostOf(channel['proxy'])
  return ['webhookUrl', 'url', 'apiUrl'].map((key) => hostOf(channel[key])).find((target) => target !== undefined)
}

function hostOf(value: unknown): Target | undefined {
  const text = typeof value === 'string' ? value : (value as { reveal?: () => string } | undefined)?.reveal?.()
  if (text === undefined || !URL.canParse(text)) return undefined
  const { hostname, port, protocol } = new URL(text)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'http:' ? 80 : 443) }
}

function reach({ host, port }: Target): Promise<void> {
  return within(
    new Promise<void>((resolve, reject) => {
      const socket = connect({ host, port }, () => {
        socket.destroy()
        resolve()
      })
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')))
      socket.on('error', reject)
    }),
  )
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
