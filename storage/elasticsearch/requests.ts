import { type Client, errors, type TransportRequestParams } from '@elastic/elasticsearch'
import { briefReasonOf, RejectedError, UnavailableError } from '../../runtime/errors.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { withTlsRemedy } from '../../runtime/tls-remedy.ts'
import { within } from '../../runtime/within.ts'
import { CutOffError } from '../cut-off-error.ts'

export type RequestName = 'bulk' | 'search' | 'setup' | 'retention'

export interface Requests {
  /**
   * The answer's body. Throws RejectedError where the server understood and refused for good, UnavailableError where
   * trying again may help, and the abort's own reason. `fits` tells the server's answer from a proxy's friendly page.
   */
  send<T>(
    name: RequestName,
    params: TransportRequestParams,
    signal: AbortSignal,
    fits?: (answer: T) => boolean,
  ): Promise<T>
  /** Why the last request had no answer of the server's, in one short line; undefined where it had. */
  problem(): string | undefined
}

/**
 * So long may a request take in all, ms. The client's own limit is one of silence: it begins anew with each byte, and an
 * answer that trickles would hold up its writer for ever.
 */
export const requestLimitMs = 120_000

interface RequestsDeps {
  readonly client: Client
  readonly metrics: Metrics
  /** Aborts all that is under way. */
  readonly stopping: AbortSignal
  readonly limitMs: number
}

/** How a refusal is called of which no more than the status is known. */
const untyped = 'http-'
const seconds = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]

/** Every request to the server goes through here: timed, and its failure told as one of our own errors. */
export function createRequests({ client, metrics, stopping, limitMs }: RequestsDeps): Requests {
  const help = 'Requests to Elasticsearch by kind, failed ones too'
  const durations = metrics.histogram('thump_elasticsearch_request_seconds', help, seconds, ['request'])
  let problem: string | undefined = 'not asked yet'
  return {
    problem: () => problem,
    async send<T>(
      name: RequestName,
      params: TransportRequestParams,
      signal: AbortSignal,
      fits: (answer: T) => boolean = () => true,
    ): Promise<T> {
      const either = AbortSignal.any([signal, stopping])
      const done = durations.startTimer({ request: name })
      try {
        const answer = await within(limitMs, either, (inTime) =>
          client.transport.request<T>(params, { signal: inTime }),
        )
        if (!fits(answer)) throw new Error('its answer does not fit the request')
        problem = undefined
        return answer
      } catch (cause) {
        if (either.aborted) throw bare(cause)
        const failure = toFailure(cause)
        // The server gives its refusals a type; without one it is a proxy that refuses.
        const isAnswered = failure instanceof RejectedError && !failure.reason.startsWith(untyped)
        problem = isAnswered ? undefined : briefReasonOf(failure)
        throw failure
      } finally {
        done()
      }
    },
  }
}

/** Neither credentials nor bodies: the server's error objects carry whole requests. */
function toFailure(cause: unknown): RejectedError | UnavailableError {
  // 406: it does not know the media types of Elastic's own.
  const isAnother = cause instanceof errors.ResponseError && cause.statusCode === 406
  if (isAnother || cause instanceof errors.ProductNotSupportedError)
    return new UnavailableError(
      'Elasticsearch',
      new Error('what answers is no Elasticsearch; for OpenSearch set storage.elasticsearch.distribution: opensearch'),
    )
  if (!(cause instanceof errors.ResponseError)) {
    const isCutOff = cause instanceof errors.ConnectionError && cutOff.test(cause.message)
    return new (isCutOff ? CutOffError : UnavailableError)('Elasticsearch', bare(cause))
  }
  const { status, type, reason } = explain(cause)
  const text = `${type}: ${reason}`.slice(0, longestReason)
  // What is refused without a type is refused by something before the server, perhaps for what it found in the body.
  if (status === 403 && type.startsWith(untyped)) return new CutOffError('Elasticsearch', new Error(`status ${text}`))
  if (!isForGood(status, type)) return new UnavailableError('Elasticsearch', new Error(`status ${status}, ${text}`))
  return new RejectedError(status === 413 ? 'too-large' : type, `Elasticsearch refused: ${text}`)
}

/** The client's own errors hold the request with its headers and body: only what they say goes on. */
function bare(cause: unknown): unknown {
  if (!(cause instanceof errors.ElasticsearchClientError)) return cause
  if (plainText.test(cause.message)) return new Error('no TLS is spoken there: http:// in place of https://?')
  return withTlsRemedy(new Error(cause.message), 'storage.elasticsearch.tls')
}

/** What a connection ends with that was open, and had the request or a part of it. */
const cutOff = /ECONNRESET|EPIPE|socket hang up|other side closed|connection closed while/i

/** What OpenSSL makes of a server that answers in plain text. */
const plainText = /wrong version number|packet length too long/

const longestReason = 600
/** These speak of the installation, not of the request: an operator mends them, and then the same request succeeds. */
const mendable = new Set(['media_type_header_exception', 'security_exception', 'cluster_block_exception'])

function isForGood(status: number, type: string): boolean {
  return (status === 400 || status === 404 || status === 413) && !mendable.has(type)
}

interface Explained {
  readonly status: number
  readonly type: string
  readonly reason: string
}

function explain(error: errors.ResponseError): Explained {
  const status = error.statusCode ?? 0
  const body = error.body as { error?: { type?: string; reason?: string; root_cause?: { reason?: string }[] } } | string
  if (typeof body !== 'object' || body === null || typeof body.error !== 'object')
    return { status, type: `${untyped}${status}`, reason: typeof body === 'string' ? body : '' }
  const { type = `${untyped}${status}`, reason = '', root_cause: [root] = [] } = body.error
  return {
    status,
    type,
    reason: root?.reason !== undefined && root.reason !== reason ? `${reason}: ${root.reason}` : reason,
  }
}
