import type { Entry } from '../entry.ts'

/** Handshakes that failed. */
export const tlsRows: readonly Entry[] = [
  {
    entry: 43,
    code: 'tls-alert',
    category: 'tls',
    outcome: 'failure',
    hint: 'ALERT: Fatal - ',
    pattern:
      /TLS (?:server|client): In state [^\n]{0,512}? (?:generated|received) (?:SERVER|CLIENT) ALERT: Fatal - (?<reason>[^\n]*)/,
    sample:
      'TLS server: In state wait_cert at tls_handshake_1_3.erl:444 generated SERVER ALERT: Fatal - Certificate required',
  },
  {
    entry: 44,
    code: 'tls-expected',
    category: 'tls',
    outcome: 'failure',
    hint: 'listener without using TLS',
    pattern: /is connecting to the [^\n]{0,512}? listener without using TLS/,
    isComposed: true,
    sample: 'Client 127.0.0.1:4000 is connecting to the amqps listener without using TLS',
  },
  {
    entry: 44,
    code: 'tls-expected',
    category: 'tls',
    outcome: 'failure',
    hint: 'error during handshake for protocol',
    pattern: /error during handshake for protocol/,
    isComposed: true,
    sample: 'error during handshake for protocol amqp/ssl and peer 127.0.0.1:4000',
  },
]
