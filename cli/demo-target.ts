import { existsSync } from 'node:fs'

export interface DemoTarget {
  readonly amqpUrl: string
  readonly managementUrl: string
  readonly prometheusUrl?: string
  readonly logs: readonly string[]
  readonly account: { readonly username: string; readonly password: string }
  /** Its own broker: then tracing is on, and the firehose is shown. */
  readonly isOwn: boolean
}

/** Undefined counts: it is the demo's own broker then. */
export function isBrokerUrl(text: string | undefined): boolean {
  try {
    const { protocol, username, password } = new URL(text ?? 'amqp://own')
    decodeURIComponent(username + password)
    return /^amqps?:$/.test(protocol)
  } catch {
    return false
  }
}

/** A broker of the user's, of which isBrokerUrl holds: watched only. */
export function targetOf(text: string): DemoTarget {
  const url = new URL(text)
  const account = {
    username: decodeURIComponent(url.username) || 'guest',
    password: decodeURIComponent(url.password) || 'guest',
  }
  url.username = ''
  url.password = ''
  const local = '/var/log/rabbitmq'
  return {
    amqpUrl: url.href,
    managementUrl: `http://${url.hostname}:15672`,
    logs: existsSync(local) ? [`${local}/*.log`] : [],
    account,
    isOwn: false,
  }
}
