/** Who a log line speaks of, as the broker puts it beside the connection's name. */
export interface ConnectionContext {
  readonly connection: string
  readonly ip: string
  readonly port?: number
  readonly client?: string
  readonly vhost?: string
  readonly user?: string
  readonly channel?: number
}

const address = /(?:^|[\s(])(\[?[\da-f.:]+\]?):(\d{1,5}) -> (\[?[\da-f.:]+\]?:\d{1,5})/i
/** Greedy on purpose: a client may name itself `x, vhost: '/', user: 'admin'`; what the broker adds comes last. */
const named = /^(?: - (?<client>.*))?, vhost: '(?<vhost>.*)', user: '(?<user>.*?)'(?:, (?:state|duration): [^)]*)?\)/
const userOnly = /^(?: - (?<client>.*))?, user: '(?<user>.*?)'(?:, state: [^)]*)?\)/
const clientOnly = /^ - (?<client>.*?)(?:\)|, state: |: user ')/

/** Reads the first line only: the rest is text that a client may have written. */
export function connectionContext(text: string): ConnectionContext | undefined {
  const end = text.indexOf('\n')
  const line = end < 0 ? text : text.slice(0, end)
  const found = address.exec(line)
  if (!found) return undefined
  const [whole, host = '', port = '', local = ''] = found
  const rest = line.slice(found.index + whole.length)
  const groups = (named.exec(rest) ?? userOnly.exec(rest) ?? clientOnly.exec(rest))?.groups ?? {}
  const channel = /\), channel (\d+)/.exec(rest)?.[1]
  const { client, vhost, user } = groups
  return {
    connection: `${host}:${port} -> ${local}`,
    ip: host.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d+\.)/i, ''),
    port: Number(port),
    ...(client && { client }),
    ...(vhost && { vhost }),
    ...(user && { user }),
    ...(channel !== undefined && { channel: Number(channel) }),
  }
}
