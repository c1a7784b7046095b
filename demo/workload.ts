import { type Channel, type ChannelModel, connect } from 'amqplib'
import { retryForever, sleep } from '../runtime/retry.ts'
import type { Account, DemoAccounts } from './accounts.ts'

export interface WorkloadRequest {
  readonly amqpUrl: string
  /** With it, one queue is also purged over the HTTP API, which only the access log shows. */
  readonly managementUrl?: string
  /** Who acts; absent = the user of `amqpUrl` does everything. */
  readonly accounts?: Pick<DemoAccounts, 'shopApp' | 'alice'>
  /** Between two rounds of orders, in ms; default 4,000. */
  readonly roundMs?: number
  /** Orders come each round, incidents (a failed login, a deleted queue …) in every one of this many; default 5. */
  readonly roundsPerIncident?: number
  /** The round of the first incidents; default 0. */
  readonly firstIncidentRound?: number
  /** Called after each deed, with what was done. */
  readonly onDeed?: (deed: string) => void
}

export const exchange = 'shop.orders'
export const queue = 'shop.orders.new'
const backoff = { baseMs: 500, maxMs: 10_000 }

/**
 * A small shop: orders are published and consumed, and now and then something happens that an operator should know. Runs
 * until aborted, over restarts of the broker, and takes away what it declared.
 */
export async function runWorkload(request: WorkloadRequest, signal: AbortSignal): Promise<void> {
  try {
    await retryForever((live) => openShop(request, live), backoff, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function openShop(request: WorkloadRequest, signal: AbortSignal): Promise<void> {
  const lost = new AbortController()
  const open: ChannelModel[] = []
  const dial = async (account: Account | undefined, name: string) => {
    const connection = await connectAs(request.amqpUrl, account, name)
    connection.on('close', () => lost.abort(new Error(`${name} was disconnected`)))
    open.push(connection)
    return connection
  }
  try {
    const shop = await (await dial(request.accounts?.shopApp, 'shop-app orders')).createChannel()
    const alice = await dial(request.accounts?.alice, "alice's laptop")
    await declareShop(shop)
    await trade(request, shop, alice, AbortSignal.any([signal, lost.signal]))
  } finally {
    await Promise.allSettled(open.map((connection) => connection.close()))
  }
}

async function trade(request: WorkloadRequest, shop: Channel, alice: ChannelModel, signal: AbortSignal): Promise<void> {
  try {
    for (let round = 0; ; round++) {
      publishOrders(shop, round, request)
      const since = round - (request.firstIncidentRound ?? 0)
      if (since >= 0 && since % (request.roundsPerIncident ?? 5) === 0) await incidents(request, shop, alice, round)
      await sleep(request.roundMs ?? 4000, signal)
    }
  } finally {
    await Promise.allSettled([shop.deleteQueue(queue), shop.deleteExchange(exchange)])
  }
}

async function declareShop(shop: Channel): Promise<void> {
  await shop.assertExchange(exchange, 'topic', { durable: true })
  await shop.assertQueue(queue, { durable: true, arguments: { 'x-max-length': 1000 } })
  await shop.bindQueue(queue, exchange, 'order.created')
  await shop.consume(queue, (message) => message && shop.ack(message), { consumerTag: 'shop-app-picker' })
}

function publishOrders(shop: Channel, round: number, { onDeed }: WorkloadRequest): void {
  for (let index = 0; index < 3; index++) {
    const order = { order: round * 3 + index + 1, item: ['carrot', 'clover', 'lettuce'][index] }
    shop.publish(exchange, 'order.created', Buffer.from(JSON.stringify(order)), {
      contentType: 'application/json',
      messageId: `order-${order.order}`,
      timestamp: Date.now(),
    })
  }
  onDeed?.('3 orders published')
}

async function incidents(request: WorkloadRequest, shop: Channel, alice: ChannelModel, round: number): Promise<void> {
  const { onDeed } = request
  // Nothing is bound for it: a mandatory message comes back, and the firehose shows it without a queue.
  shop.publish(exchange, 'order.refunded', Buffer.from('{"order":1}'), { mandatory: true, messageId: `lost-${round}` })
  onDeed?.('an unroutable message published')
  await failLogin(request)
  onDeed?.('a login with a wrong password failed')
  await deleteReport(alice, `shop.report-${round}`, request)
  onDeed?.(`queue shop.report-${round} deleted`)
  await askForMissingQueue(alice)
  onDeed?.('a channel was closed with an error')
}

/** A person declares a queue, empties it over HTTP where that is to be had, and deletes it. */
async function deleteReport(
  alice: ChannelModel,
  name: string,
  { managementUrl, amqpUrl, accounts }: WorkloadRequest,
): Promise<void> {
  const channel = await alice.createChannel()
  await channel.assertQueue(name, { durable: true, arguments: { 'x-expires': 600_000 } })
  if (managementUrl !== undefined)
    await fetch(`${managementUrl}/api/queues/%2F/${encodeURIComponent(name)}/contents`, {
      method: 'DELETE',
      headers: { authorization: basic(accounts?.alice ?? accountOf(amqpUrl)) },
      signal: AbortSignal.timeout(5000),
    })
  await channel.deleteQueue(name)
  await channel.close()
}

/** The broker answers 404 by closing the channel, and logs it as an error. */
async function askForMissingQueue(connection: ChannelModel): Promise<void> {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  await channel.checkQueue('shop.no-such-queue').catch(() => {})
}

async function failLogin({ amqpUrl, accounts }: WorkloadRequest): Promise<void> {
  const username = accounts?.shopApp.username ?? 'shop-app'
  const wrong = { username, password: 'not the password' }
  const connection = await connectAs(amqpUrl, wrong, 'shop-app with an old password').catch(() => undefined)
  await connection?.close()
}

async function connectAs(amqpUrl: string, account: Account | undefined, name: string): Promise<ChannelModel> {
  const { username, password } = account ?? accountOf(amqpUrl)
  const url = new URL(amqpUrl)
  url.username = encodeURIComponent(username)
  url.password = encodeURIComponent(password)
  const connection = await connect(url.href, { clientProperties: { connection_name: name }, timeout: 10_000 })
  // The close event that follows tells it; an unheard error would end the process.
  connection.on('error', () => {})
  return connection
}

function accountOf(amqpUrl: string): Account {
  const { username, password } = new URL(amqpUrl)
  return username === ''
    ? { username: 'guest', password: 'guest' }
    : { username: decodeURIComponent(username), password: decodeURIComponent(password) }
}

function basic({ username, password }: Account): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
