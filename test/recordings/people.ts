import { type ChannelModel, connect } from 'amqplib'
import { request } from 'node:http'
import type { Broker } from '../../demo/broker/start-broker.ts'

/** Loopback addresses tell who came from where: all of 127.0.0.0/8 is this machine. */
export const addresses = { checkout: '127.0.0.7', billing: '127.0.0.8', alice: '127.0.0.9', stranger: '127.0.0.66' }
export const browser = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

export interface HttpRequest {
  readonly user?: string
  readonly password?: string
  readonly from?: string
  readonly agent?: string
  readonly body?: object
}

/** A request of the management API from an address of its own; resolves with the status. */
export function http(
  broker: Broker,
  method: string,
  path: string,
  { user = 'alice', password = user, from = addresses.alice, agent = 'curl/8.5.0', body }: HttpRequest = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const text = body && JSON.stringify(body)
    const headers = {
      'user-agent': agent,
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      ...(text !== undefined && { 'content-length': Buffer.byteLength(text) }),
    }
    const sent = request(`${broker.managementUrl}/api${path}`, { method, headers, localAddress: from, agent: false })
    sent.on('response', (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

/** A client's connection from an address of its own. */
export async function dial(
  broker: Broker,
  { user, password = user, from, name }: { user: string; password?: string; from: string; name: string },
): Promise<ChannelModel> {
  const target = { protocol: 'amqp', hostname: '127.0.0.1', port: broker.amqpPort, username: user, password }
  // Options go on to the socket, which the types do not say.
  const options = { clientProperties: { connection_name: name }, localAddress: from }
  const connection = await connect(target, options)
  connection.on('error', () => {})
  return connection
}
