import { readFileSync } from 'node:fs'
import type { Config } from '../../runtime/config/schema.ts'
import { UnavailableError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { withTlsRemedy } from '../../runtime/tls-remedy.ts'
import { type ApiName, type BrokerLink, createLink, type Exchange, exchangeOf, sendOn } from './kafkajs.ts'

export type KafkaConfig = Config['transport']['kafka']

/** How long silence is borne. */
export interface KafkaTimes {
  readonly connectTimeoutMs: number
  /** A broker that does not answer for so long is taken for lost: its connections are closed. */
  readonly requestTimeoutMs: number
  /** A reader that is not heard of for so long loses its partitions to others. Brokers take 6 s to 30 min. */
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
  /** How old what is known of topics and their partitions may grow: partitions that are added are found within it. */
  readonly metadataMaxAgeMs: number
}

export const defaultTimes: KafkaTimes = {
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  // Also how long the partitions of a reader that was killed lie still.
  sessionTimeoutMs: 10_000,
  heartbeatMs: 2000,
  metadataMaxAgeMs: 60_000,
}

export interface RequestLimits {
  /** Where it is not `requestTimeoutMs`. */
  readonly timeoutMs?: number
  /** Fetches wait at the broker; they have a connection of their own, so that nothing waits behind them. */
  readonly isFetch?: boolean
}

/** Asks brokers by address or id. Every call ends: by its answer, or with UnavailableError when the broker is away or silent. */
export class KafkaClient {
  readonly #config: KafkaConfig
  readonly #log: Logger
  readonly times: KafkaTimes
  readonly #links = new Map<string, BrokerLink>()
  readonly #connecting = new WeakMap<object, Promise<unknown>>()
  #addresses = new Map<number, string>()
  #turn = 0
  #isClosed = false

  constructor(config: KafkaConfig, times: KafkaTimes, log: Logger) {
    this.#config = config
    this.times = times
    this.#log = log
  }

  isConnected(): boolean {
    return [...this.#links.values()].some((link) => link.connectionPool.pool.some((one) => one.isConnected()))
  }

  /** What the last metadata answer said about who is where. */
  know(brokers: ReadonlyMap<number, string>): void {
    this.#addresses = new Map(brokers)
  }

  /** Asks one broker by id, or whichever answers first where none is named. Error codes in the answer are the caller's to read. */
  async ask<T>(node: number | undefined, api: ApiName, args: object, limits?: RequestLimits): Promise<T> {
    return (await this.exchange(node, (link) => exchangeOf(link, api, args), limits)) as T
  }

  async exchange(
    node: number | undefined,
    make: (link: BrokerLink) => Exchange,
    limits: RequestLimits = {},
  ): Promise<unknown> {
    let failure: unknown
    for (const address of this.#candidates(node)) {
      const link = this.#link(address)
      try {
        return await within(
          limits.timeoutMs ?? this.times.requestTimeoutMs,
          this.#send(link, make, limits.isFetch ? 1 : 0),
        )
      } catch (cause) {
        failure = cause
        this.#drop(address, link)
      }
    }
    const cause = failure ?? new Error(`broker ${node} is not known`)
    throw new UnavailableError('kafka', withTlsRemedy(cause, 'transport.kafka.tls'))
  }

  /** Closes every connection; what is under way fails. */
  close(): void {
    this.#isClosed = true
    for (const [address, link] of this.#links) this.#drop(address, link)
  }

  async #send(link: BrokerLink, make: (link: BrokerLink) => Exchange, index: 0 | 1): Promise<unknown> {
    if (this.#isClosed) throw new Error('the client is closed')
    if (!link.versions) await link.connect()
    const connection = link.connectionPool.pool[index]
    // kafkajs would open a second socket for a second caller, and lose the first.
    if (!connection.isConnected()) {
      const connecting = this.#connecting.get(connection) ?? connection.connect()
      this.#connecting.set(connection, connecting)
      await connecting.finally(() => this.#connecting.delete(connection))
    }
    return sendOn(connection, make(link))
  }

  #candidates(node: number | undefined): string[] {
    if (node !== undefined) {
      const address = this.#addresses.get(node)
      return address === undefined ? [] : [address]
    }
    const known = [...new Set([...this.#addresses.values(), ...this.#config.brokers])]
    const first = this.#turn++ % known.length
    const rotated = [...known.slice(first), ...known.slice(0, first)]
    const isOpen = (address: string) => this.#links.get(address)?.connectionPool.pool[0].isConnected() === true
    return rotated.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)))
  }

  #link(address: string): BrokerLink {
    const found = this.#links.get(address)
    if (found) return found
    const colon = address.lastIndexOf(':')
    const link = createLink({
      host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(address.slice(colon + 1)),
      clientId: this.#config.clientId,
      connectionTimeoutMs: this.times.connectTimeoutMs,
      ssl: tlsOptions(this.#config.tls),
      sasl: saslOptions(this.#config.sasl),
      log: this.#log,
    })
    this.#links.set(address, link)
    return link
  }

  /** Forgets a broker's connections and ends what waits on them; the next call opens new ones. */
  #drop(address: string, link: BrokerLink): void {
    if (this.#links.get(address) === link) this.#links.delete(address)
    for (const connection of link.connectionPool.pool) {
      connection.rejectRequests(new Error('the connection was closed'))
      connection.socket?.destroy()
      connection.disconnect().catch(() => {})
    }
  }
}

/** Read anew for every connection, so that renewed certificates are taken up. */
function tlsOptions(tls: KafkaConfig['tls']): object | undefined {
  if (!tls) return undefined
  const { ca, cert, key, servername, insecure } = tls
  return {
    rejectUnauthorized: !insecure,
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
    ...(servername !== undefined && { servername }),
  }
}

function saslOptions(sasl: KafkaConfig['sasl']): object | undefined {
  if (!sasl) return undefined
  const { mechanism, username, password } = sasl
  return {
    mechanism,
    username,
    get password() {
      return password?.reveal() ?? ''
    },
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  // Where the limit came first, what the call says later is of no interest.
  work.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
