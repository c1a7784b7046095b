import type { ChannelModel } from 'amqplib'
import { readFileSync } from 'node:fs'
import type { AgentConfig } from '../../runtime/config/schema-agent.ts'
import { UnavailableError } from '../../runtime/errors.ts'

export type AmqpOptions = NonNullable<AgentConfig['amqp']>

export interface ConnectRequest {
  readonly amqp: AmqpOptions
  readonly vhost: string
  /** The name people see in the management UI, and by which Thump knows its own connections. */
  readonly name: string
  readonly timeoutMs?: number
}

/** Tries the urls in turn, once each; throws UnavailableError with the last cause. Never publishes: consumers only. */
export async function connectBroker({ amqp, vhost, name, timeoutMs = 10_000 }: ConnectRequest): Promise<ChannelModel> {
  // An agent of log files alone has no use for it.
  const { connect } = await import('amqplib')
  let last: unknown
  for (const url of amqp.url) {
    try {
      const connection = await connect(target(amqp, url, vhost), {
        timeout: timeoutMs,
        clientProperties: { connection_name: name },
        ...tlsOptions(amqp, url),
      })
      // Without a listener an 'error' would end the process; 'close' follows and is what sessions wait for.
      connection.on('error', () => {})
      return connection
    } catch (cause) {
      last = cause
    }
  }
  throw new UnavailableError('RabbitMQ', last)
}

function target(amqp: AmqpOptions, text: string, vhost: string) {
  const url = new URL(text)
  const isTls = url.protocol === 'amqps:'
  return {
    protocol: isTls ? 'amqps' : 'amqp',
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isTls ? 5671 : 5672),
    username: amqp.username ?? (decodeURIComponent(url.username) || 'guest'),
    password: amqp.password?.reveal() ?? (decodeURIComponent(url.password) || 'guest'),
    vhost,
    heartbeat: 15,
  }
}

function tlsOptions({ tls }: AmqpOptions, url: string): object {
  if (!url.startsWith('amqps:') || !tls) return {}
  const { ca, cert, key } = tls as { ca?: string; cert?: string; key?: string }
  return {
    servername: new URL(url).hostname,
    ...(ca !== undefined && { ca: [readFileSync(ca)] }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  }
}
