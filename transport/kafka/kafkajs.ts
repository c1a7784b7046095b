import { connect, isIP, type Socket } from 'node:net'
import broker from 'kafkajs/src/broker/index.js'
import assignerProtocol from 'kafkajs/src/consumer/assignerProtocol.js'
import loggers from 'kafkajs/src/loggers/index.js'
import connectionPools from 'kafkajs/src/network/connectionPool.js'
import requestQueue from 'kafkajs/src/network/requestQueue/index.js'
import protocolErrors from 'kafkajs/src/protocol/error.js'
import protocolRequests from 'kafkajs/src/protocol/requests/index.js'
import type { Logger } from '../../runtime/log.ts'

/*
 * The parts of kafkajs 2.2.4 that this transport stands on: connections, TLS, SASL and the encoding of requests. Its own
 * producer and consumer loops are not used (docs/kafka.md says why). kafkajs exports no types for these parts; this file
 * is the only one that reaches into it.
 */

interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
}

/** `request` and `response` of one call, in the version both sides know. */
export interface Exchange {
  /** Its body by kafkajs's encoder, or in pieces that go to the socket as they are. */
  readonly request: Request & ({ encode(): Promise<unknown> } | { readonly pieces: readonly Buffer[] })
  readonly response: { decode(raw: Buffer): Promise<unknown>; parse(decoded: never): Promise<unknown> }
}

interface Connection {
  readonly socket?: Socket
  isConnected(): boolean
  connect(): Promise<unknown>
  disconnect(): Promise<unknown>
  send(exchange: Exchange): Promise<unknown>
  rejectRequests(error: Error): void
  readonly clientId: string
  authenticate(): Promise<void>
  nextCorrelationId(): number
  readonly requestQueue: { push(request: object): void; maybeThrottle(ms: number): void }
}

/** One broker: connection 0 carries everything but fetches, which have connection 1 to themselves. */
export interface BrokerLink {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: { readonly pool: readonly [Connection, Connection] }
  connect(): Promise<void>
  lookupRequest(apiKey: number, definition: unknown): (args: object) => Exchange
}

export interface LinkOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly connectionTimeoutMs: number
  readonly ssl: object | undefined
  readonly sasl: object | undefined
  readonly log: Logger
}

export type ApiName = keyof typeof apiKeys
export const apiKeys = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  GroupCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  CreateTopics: 19,
  InitProducerId: 22,
  DescribeConfigs: 32,
} as const

const Broker = broker as new (options: object) => BrokerLink
const ConnectionPool = connectionPools as new (options: object) => object
const RequestQueue = requestQueue as { readonly prototype: RequestQueuePrototype }
const { requests } = protocolRequests as { readonly requests: Readonly<Record<ApiName, unknown>> }
const { createLogger } = loggers as { readonly createLogger: (options: object) => object }
const { errorCodes } = protocolErrors as {
  readonly errorCodes: ReadonlyArray<{ readonly type: string; readonly code: number; readonly message: string }>
}

/** How members tell the group what they want, and the leader tells them what they get. */
export const groupProtocol = assignerProtocol as {
  readonly MemberMetadata: {
    encode(metadata: { version: number; topics: readonly string[] }): Buffer
    decode(buffer: Buffer): { readonly topics: readonly string[] }
  }
  readonly MemberAssignment: {
    encode(assignment: { version: number; assignment: Readonly<Record<string, readonly number[]>> }): Buffer
    decode(buffer: Buffer): { readonly assignment: Readonly<Record<string, readonly number[]>> } | null
  }
}

interface RequestQueuePrototype {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  scheduleCheckPendingRequests: (this: RequestQueuePrototype) => void
}

/** kafkajs re-arms a timer of 1 ms for ever on every connection; nothing waits there, so nothing needs it. */
function stopIdleTimers(): void {
  const { prototype } = RequestQueue
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueuePrototype) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}
stopIdleTimers()

const keepAliveDelayMs = 60_000

interface SocketRequest {
  readonly host: string
  readonly port: number
  readonly ssl: object | undefined
  readonly onConnect: () => void
}

/** kafkajs's own reads Node's TLS, 2 MB, for a plain connection as well. */
function openSocket({ host, port, ssl, onConnect }: SocketRequest): Socket {
  const named = isIP(host) === 0 ? { servername: host } : {}
  const socket = ssl
    ? process.getBuiltinModule('node:tls').connect({ host, port, ...named, ...ssl }, onConnect)
    : connect({ host, port }, onConnect)
  return socket.setKeepAlive(true, keepAliveDelayMs)
}

/** A broker's connections, not yet open. Time limits are the caller's: kafkajs's own stop with the connection. */
export function createLink(options: LinkOptions): BrokerLink {
  const { connectionTimeoutMs: connectionTimeout, log, ...rest } = options
  const logger = createLogger({
    logCreator: () => (entry: { namespace: string; log: { message: string } }) =>
      log.trace({ namespace: entry.namespace, message: entry.log.message }, 'kafkajs'),
  })
  const shared = { ...rest, connectionTimeout, requestTimeout: 2 ** 31 - 1, enforceRequestTimeout: false, logger }
  const connectionPool = new ConnectionPool({ ...shared, socketFactory: openSocket })
  return new Broker({ connectionPool, logger, allowAutoTopicCreation: false, authenticationTimeout: connectionTimeout })
}

/** The call in the best version both sides know, its answer not yet judged: errors in it are the caller's to read. */
export function exchangeOf(link: BrokerLink, api: ApiName, args: object): Exchange {
  const { request, response } = link.lookupRequest(apiKeys[api], requests[api])(args)
  return { request, response: { decode: (raw) => response.decode(raw), parse: async (decoded) => decoded } }
}

/** Sends the call on a connection that is open, and resolves with its answer. */
export async function sendOn(connection: Connection, exchange: Exchange): Promise<unknown> {
  const { request, response } = exchange
  if (!('pieces' in request)) return await connection.send(exchange)
  // A login that has run out is renewed, as kafkajs does before each request of its own.
  await connection.authenticate()
  const decoded = await response.decode(await sendPieces(connection, request, request.pieces))
  connection.requestQueue.maybeThrottle((decoded as { clientSideThrottleTime: number }).clientSideThrottleTime)
  return await response.parse(decoded as never)
}

/** kafkajs copies a request three times on its way to the socket; large ones go there in pieces, uncopied. */
function sendPieces(connection: Connection, request: Request, pieces: readonly Buffer[]): Promise<Buffer> {
  const { apiKey, apiVersion, apiName } = request
  const correlationId = connection.nextCorrelationId()
  const clientId = Buffer.from(connection.clientId)
  const head = Buffer.alloc(14 + clientId.length)
  head.writeInt32BE(
    pieces.reduce((sum, { length }) => sum + length, head.length - 4),
    0,
  )
  head.writeInt16BE(apiKey, 4)
  head.writeInt16BE(apiVersion, 6)
  head.writeInt32BE(correlationId, 8)
  head.writeInt16BE(clientId.length, 12)
  clientId.copy(head, 14)
  return new Promise((resolve, reject) => {
    const answered = ({ payload }: { readonly payload: Buffer }) => resolve(payload)
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve: answered, reject },
      expectResponse: true,
      requestTimeout: null,
      sendRequest() {
        const { socket } = connection
        if (!socket || !connection.isConnected()) return reject(new Error('the connection was closed'))
        // One system call for all of them.
        socket.cork()
        for (const piece of [head, ...pieces]) socket.write(piece)
        socket.uncork()
      },
    })
  })
}

/** Kafka's own name of an error code. */
export function errorName(code: number): string {
  return errorCodes.find((known) => known.code === code)?.type ?? `ERROR_${code}`
}
