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
const named = /^(?: - (.*))?, vhost: '(.*)', user: '(.*?)'(?:, (?:state|duration): [^)]*)?\)/
const userOnly = /^(?: - (.*))?, user: '(.*?)'(?:, state: [^)]*)?\)/
const clientOnly = /^ - (.*?)(?:\)|, state: |: user ')/

/** Reads the first line only: the rest is text that a client may have written. */
export function connectionContext(text: string): ConnectionContext | undefined {
  const end = text.indexOf('\n')
  const line = end < 0 ? text : text.slice(0, end)
  const found = address.exec(line)
  if (!found) return undefined
  const [whole, host = '', port = '', local = ''] = found
  const rest = line.slice(found.index + whole.length)
  const context: Writable = {
    connection: `${host}:${port} -> ${local}`,
    ip: plainDigits.test(host) ? host : host.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d+\.)/i, ''),
    port: Number(port),
  }
  const { client, vhost, user } = namesIn(rest)
  if (client) context.client = client
  if (vhost) context.vhost = vhost
  if (user) context.user = user
  const channel = /\), channel (\d+)/.exec(rest)?.[1]
  if (channel !== undefined) context.channel = Number(channel)
  return context
}

type Writable = { -readonly [Field in keyof ConnectionContext]: ConnectionContext[Field] }
const plainDigits = /^[\d.]+$/

/** By place, not by name: a match of named groups makes a table of them. */
function namesIn(rest: string): { client?: string | undefined; vhost?: string | undefined; user?: string | undefined } {
  const all = named.exec(rest)
  if (all) return { client: all[1], vhost: all[2], user: all[3] }
  const some = userOnly.exec(rest)
  return some ? { client: some[1], user: some[2] } : { client: clientOnly.exec(rest)?.[1] }
}
