import { randomBytes } from 'node:crypto'
import { type ChannelModel, connect } from 'amqplib'
import { grant } from '../../agent/broker/least-privilege.ts'

/** What the deeds need of a broker: shared or private. */
export interface WatchedBroker {
  readonly amqpUrl: string
  readonly managementUrl: string
  readonly logFile: string
}

export interface BrokerUser {
  readonly username: string
  readonly password: string
}

/** Thump's own user, with exactly the rights that `thump setup rabbitmq` prints. */
export async function createMonitor(broker: WatchedBroker, username: string): Promise<BrokerUser> {
  const password = randomBytes(9).toString('base64url')
  await callApi(broker, 'PUT', `/api/users/${username}`, { password, tags: 'monitoring' })
  await callApi(broker, 'PUT', `/api/permissions/%2F/${username}`, grant)
  return { username, password }
}

export async function removeUser(broker: WatchedBroker, username: string): Promise<void> {
  await callApi(broker, 'DELETE', `/api/users/${username}`)
}

export async function deleteQueueOf(broker: WatchedBroker, queue: string): Promise<void> {
  await callApi(broker, 'DELETE', `/api/queues/%2F/${encodeURIComponent(queue)}`).catch(() => {})
}

async function callApi(broker: WatchedBroker, method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`${broker.managementUrl}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
}

/** An application that works on the broker under a name. */
export async function connectApp({ amqpUrl }: WatchedBroker, name: string): Promise<ChannelModel> {
  const connection = await connect(amqpUrl, { clientProperties: { connection_name: name }, timeout: 10_000 })
  connection.on('error', () => {})
  return connection
}

/** Two operations that everybody wants to hear of. */
export async function declareAndDelete(connection: ChannelModel, queue: string): Promise<void> {
  const channel = await connection.createChannel()
  await channel.assertQueue(queue, { durable: true })
  await channel.deleteQueue(queue)
  await channel.close()
}

/** The broker refuses, and says so in its log and on its event exchange. */
export async function failLogin({ amqpUrl }: WatchedBroker, username: string): Promise<void> {
  const url = new URL(amqpUrl)
  url.username = username
  url.password = 'wrong'
  const connection = await connect(url.href, { timeout: 10_000 }).catch(() => undefined)
  await connection?.close()
}
