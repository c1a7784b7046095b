import { readFileSync } from 'node:fs'
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent, request } from 'undici'
import type { ChannelConfig } from '../../runtime/config/schema-alerting.ts'
import type { Answer } from './channel.ts'

/** What an answer said: its status, headers and the first part of its body. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface HttpRequest {
  readonly url: string
  readonly method?: 'POST' | 'PUT' | 'GET'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

export type HttpSettings = Partial<Pick<ChannelConfig, 'proxy' | 'tls' | 'timeout'>>

/** Outgoing HTTP of one channel: its proxy, its CA, its limits. */
export interface HttpClient {
  /** Throws where there was no answer. */
  send(outgoing: HttpRequest): Promise<HttpAnswer>
  close(): Promise<void>
}

const usualTimeoutMs = 10_000
const keptBytes = 16_384

/** Throws where a TLS file cannot be read. */
export function createHttpClient({ proxy, tls, timeout: timeoutMs = usualTimeoutMs }: HttpSettings): HttpClient {
  const secure = {
    ...(tls?.ca !== undefined && { ca: readFileSync(tls.ca, 'utf8') }),
    ...(tls?.cert !== undefined && { cert: readFileSync(tls.cert, 'utf8') }),
    ...(tls?.key !== undefined && { key: readFileSync(tls.key, 'utf8') }),
    ...(tls?.servername !== undefined && { servername: tls.servername }),
    ...(tls?.insecure && { rejectUnauthorized: false }),
  }
  const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  const connect = { ...secure, timeout: timeoutMs }
  const direct = new Agent({ ...limits, connect })
  // The environment's proxies serve where the channel names none; never for this machine itself.
  const outside: Dispatcher =
    proxy === undefined
      ? new EnvHttpProxyAgent({ ...limits, connect, requestTls: secure, proxyTls: secure })
      : new ProxyAgent({ ...limits, uri: proxy, requestTls: secure, proxyTls: secure, connect: { timeout: timeoutMs } })
  return {
    async send({ url, method = 'POST', headers = {}, body, signal }) {
      const dispatcher = proxy === undefined && isLoopback(url) ? direct : outside
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(2 * timeoutMs)])
      const answer = await request(url, {
        method,
        headers: { 'user-agent': 'thump', ...headers },
        ...(body !== undefined && { body }),
        signal: deadline,
        dispatcher,
      })
      return { status: answer.statusCode, headers: answer.headers, text: await firstPart(answer.body) }
    },
    close: async () => {
      await Promise.all([direct.destroy(), outside.destroy()])
    },
  }
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** Reads to a limit: an answer has no say over our memory. */
async function firstPart(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= keptBytes) break
  }
  return Buffer.concat(chunks).subarray(0, keptBytes).toString('utf8')
}

/** What a status means, for every HTTP medium: later for 408, 425, 429 and 5xx, never for the rest. */
export function answerOfStatus({ status, headers, text }: HttpAnswer, nowMs: number): Answer {
  if (status >= 200 && status < 300) return { kind: 'ok', detail: `HTTP ${status}` }
  const reason = `http-${status}`
  const detail = `HTTP ${status}${text === '' ? '' : `: ${text.slice(0, 200)}`}`
  if (status !== 408 && status !== 425 && status !== 429 && status < 500) return { kind: 'permanent', reason, detail }
  const afterMs = retryAfterMs(headers['retry-after'], nowMs)
  return afterMs === undefined ? { kind: 'retry', reason, detail } : { kind: 'retryAfter', afterMs, reason, detail }
}

const longestWaitMs = 3_600_000

/** Seconds or an HTTP date, as ms from now; at most an hour, so that nobody can park a channel for ever. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined || text.trim() === '') return undefined
  const seconds = Number(text)
  const waitMs = Number.isNaN(seconds) ? Date.parse(text) - nowMs : seconds * 1000
  return Number.isNaN(waitMs) ? undefined : Math.min(longestWaitMs, Math.max(0, waitMs))
}

/** What went wrong where no answer came; the URL may hold a secret and is not part of it. */
export function answerOfFailure(error: unknown): Answer {
  const { code, name, message } = error as { code?: unknown; name?: string; message?: string }
  const reason =
    typeof code === 'string' ? code.toLowerCase().slice(0, 40) : name === 'TimeoutError' ? 'timeout' : 'no-answer'
  return { kind: 'retry', reason, detail: message === undefined || message === '' ? reason : message.slice(0, 200) }
}
