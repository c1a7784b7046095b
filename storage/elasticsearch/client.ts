import { Client, type ClientOptions } from '@elastic/elasticsearch'
import { readFileSync } from 'node:fs'
import type { Config } from '../../runtime/config/schema.ts'

export type ElasticsearchOptions = Config['storage']['elasticsearch'] & { readonly retentionMs: number }

/** The client, without retries of its own: what is tried again, and when, is decided where offsets are known. */
export function createClient({ nodes, apiKey, username, password, tls, proxy }: ElasticsearchOptions): Client {
  const options: ClientOptions = {
    nodes,
    maxRetries: 0,
    requestTimeout: 60_000,
    compression: nodes.some((node) => !/\/\/(127\.|localhost|\[::1\])/.test(node)),
    sniffOnStart: false,
    ...(proxy !== undefined && { proxy }),
    ...(tls?.fingerprint !== undefined && { caFingerprint: tls.fingerprint }),
    ...(tls && {
      tls: {
        ...(tls.ca !== undefined && { ca: readFileSync(tls.ca) }),
        ...(tls.cert !== undefined && { cert: readFileSync(tls.cert) }),
        ...(tls.key !== undefined && { key: readFileSync(tls.key) }),
        ...(tls.servername !== undefined && { servername: tls.servername }),
        rejectUnauthorized: !tls.insecure,
      },
    }),
  }
  if (apiKey) return new Client({ ...options, auth: { apiKey: apiKey.reveal() } })
  if (username !== undefined) return new Client({ ...options, auth: { username, password: password?.reveal() ?? '' } })
  return new Client(options)
}
