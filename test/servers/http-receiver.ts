import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Started } from '../../runtime/shutdown.ts'
import { eventually } from './eventually.ts'

export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly atMs: number
}

export interface Answer {
  /** Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delayMs?: number
  /** The connection is reset instead of answered; the request is recorded. */
  readonly reset?: boolean
  /** The request is taken and never answered. */
  readonly hang?: boolean
}

export interface HttpReceiver {
  readonly url: string
  readonly port: number
  /** Every request in order of arrival. */
  readonly requests: readonly RecordedRequest[]
  /** These answers are given first, one a request; then the standing one. */
  script(...answers: Answer[]): void
  /** The standing answer: 200 without a body until told otherwise. */
  answer(standing: Answer | ((request: RecordedRequest) => Answer)): void
  /** Resolves with the matching requests once there are that many. */
  received(
    count: number,
    withinMs?: number,
    matching?: (request: RecordedRequest) => boolean,
  ): Promise<RecordedRequest[]>
  forget(): void
}

/** An HTTP server that records what it is sent and answers as scripted. */
export async function startHttpReceiver(
  options: { readonly tls?: { readonly key: string; readonly cert: string } } = {},
): Promise<Started<HttpReceiver>> {
  const requests: RecordedRequest[] = []
  const scripted: Answer[] = []
  let standing: Answer | ((request: RecordedRequest) => Answer) = {}
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request = await record(incoming)
    requests.push(request)
    const answer = scripted.shift() ?? (typeof standing === 'function' ? standing(request) : standing)
    if (answer.delayMs !== undefined) await new Promise((resolve) => void setTimeout(resolve, answer.delayMs))
    if (answer.hang) return
    if (answer.reset) incoming.socket.resetAndDestroy()
    else response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? '')
  }
  const listener = (incoming: IncomingMessage, response: ServerResponse) =>
    void serve(incoming, response).catch(() => incoming.socket.destroy())
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const value: HttpReceiver = {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    requests,
    script: (...answers) => void scripted.push(...answers),
    answer: (next) => void (standing = next),
    received: (count, withinMs, matching = () => true) =>
      eventually(
        () => {
          const found = requests.filter(matching)
          return found.length >= count && found
        },
        { what: `${count} requests`, ...(withinMs !== undefined && { withinMs }) },
      ),
    forget: () => void requests.splice(0),
  }
  const stop = async () => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  return { value, stop }
}

async function record(incoming: IncomingMessage): Promise<RecordedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    atMs: Date.now(),
  }
}
