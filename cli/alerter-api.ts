import { ThumpError } from '../runtime/errors.ts'
import type { Context } from './context.ts'

/** What the verbs for people on duty ask of a running alerter. */
export interface AlerterApi {
  /** Throws ThumpError with what the alerter answered, or why there is no answer. */
  ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>
}

const timeoutMs = 15_000

/** Where the configuration says that the alerter listens, or at `url`. */
export function alerterApi({ config }: Pick<Context, 'config'>, url?: string): AlerterApi {
  const { host, port } = config.alerting.listen
  // An address that means "all" is reached by this machine's own.
  const named = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const base = url?.replace(/\/+$/, '') ?? `http://${named.includes(':') ? `[${named}]` : named}:${port}`
  return {
    async ask<T>(method: string, path: string, body?: object) {
      const response = await fetch(`${base}/api/v1/${path}`, {
        method,
        ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        signal: AbortSignal.timeout(timeoutMs),
      }).catch((cause: unknown) => {
        throw new ThumpError('THUMP_UNAVAILABLE', unreachable(base, cause), { cause })
      })
      const answer = (await response.json().catch(() => ({}))) as T & { error?: string }
      if (response.ok) return answer
      throw new ThumpError('THUMP_REJECTED', `${base}: ${answer.error ?? `HTTP ${response.status}`}`)
    },
  }
}

function unreachable(base: string, error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string } }
  const why = cause?.code ?? message
  return `no alerter answers at ${base} (${why}); is thump up, or thump alerting, running with this --config? Another address: --url`
}
