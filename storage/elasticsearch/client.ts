import { Client, type ClientOptions, HttpConnection, SniffingTransport } from '@elastic/elasticsearch'
import { readFileSync } from 'node:fs'
import type { Config } from '../../runtime/config/schema.ts'
import { ConfigError } from '../../runtime/errors.ts'

export type ElasticsearchOptions = Config['storage']['elasticsearch'] & {
  readonly retentionMs: number
  /** In place of two minutes. */
  readonly requestLimitMs?: number
}

type TransportOptions = ConstructorParameters<typeof SniffingTransport>[0] & {
  readonly productCheck?: string
  readonly vendoredHeaders?: object
}
type Tls = NonNullable<ElasticsearchOptions['tls']>

const loopback = /\/\/(127\.|localhost|\[::1\])/

/** The client refuses servers that are not Elastic's, and speaks of media types that only those know. */
class OpenSearchTransport extends SniffingTransport {
  constructor({ productCheck: _check, vendoredHeaders: _headers, ...options }: TransportOptions) {
    super(options)
  }
}

/** The client, with one try a node: what is tried again after that, and when, is decided where offsets are known. */
export function createClient(wanted: ElasticsearchOptions): Client {
  const { nodes, apiKey, username, password, tls, proxy, distribution } = wanted
  const options: ClientOptions = {
    nodes,
    maxRetries: nodes.length - 1,
    requestTimeout: 60_000,
    // It would walk through the whole body of a request that failed, byte by byte; what may be told of a failure is
    // taken out of it where all requests go through (requests.ts).
    redaction: { type: 'off' },
    compression: nodes.some((node) => !loopback.test(node)),
    sniffOnStart: false,
    sniffOnConnectionFault: false,
    ...(distribution === 'opensearch' && { Transport: OpenSearchTransport }),
    // The client's usual connection knows no proxies.
    ...(proxy !== undefined && { proxy, Connection: HttpConnection }),
    ...(tls?.fingerprint !== undefined && { caFingerprint: tls.fingerprint }),
    ...(tls && { tls: tlsOptions(tls) }),
  }
  try {
    if (apiKey) return new Client({ ...options, auth: { apiKey: apiKey.reveal() } })
    if (username !== undefined)
      return new Client({ ...options, auth: { username, password: password?.reveal() ?? '' } })
    return new Client(options)
  } catch (cause) {
    throw wrongConfig('storage.elasticsearch', cause)
  }
}

function tlsOptions({ ca, cert, key, servername, fingerprint, insecure }: Tls): NonNullable<ClientOptions['tls']> {
  // A fingerprint alone stands for the authority: the chain is compared with it instead of the system's authorities.
  const isVerified = !insecure && (fingerprint === undefined || ca !== undefined)
  return {
    ...(ca !== undefined && { ca: read('ca', ca) }),
    ...(cert !== undefined && { cert: read('cert', cert) }),
    ...(key !== undefined && { key: read('key', key) }),
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: isVerified,
  }
}

function read(name: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw wrongConfig(`storage.elasticsearch.tls.${name}`, cause, file)
  }
}

function wrongConfig(path: string, cause: unknown, file = 'configuration'): Error {
  if (cause instanceof ConfigError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new ConfigError([{ file, line: 0, column: 0, path, message, severity: 'error' }], { cause })
}
