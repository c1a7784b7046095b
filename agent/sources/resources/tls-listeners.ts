import { askManagement, type ManagementAccount } from '../../broker/management.ts'

export interface TlsListener {
  /** RabbitMQ's word, e.g. `amqp/ssl` or `https`. */
  readonly protocol: string
  readonly port: number
  readonly host: string
  readonly demandsClientCertificate: boolean
  /** Both its files are known to the broker's health check, which crashes over a listener that has but one. */
  readonly hasBothFiles: boolean
}

export interface TlsListeners {
  readonly listeners: readonly TlsListener[]
  /** The health check looks at all but those of HTTP; it may be asked where none of them would crash it. */
  readonly mayAskHealthCheck: boolean
}

const isTls = /\/ssl$|^https(?:\/|$)/
const isAnyAddress = (address: string) => address === '::' || address === '0.0.0.0'
const isLoopback = (host: string) =>
  host === 'localhost' || host.startsWith('127.') || host === '::1' || host === '[::1]'
const handshakeTimeoutMs = 5000

/** Those of the node that answers. Throws UnavailableError. */
export async function readTlsListeners(account: ManagementAccount, signal: AbortSignal): Promise<TlsListeners> {
  const answer = await askManagement(account, '/overview?columns=node,listeners', signal)
  return tlsListenersOf(answer, new URL(account.url).hostname)
}

/** Of an answer of `/api/overview`, given by the host of that name. */
export function tlsListenersOf({ node, listeners }: Readonly<Record<string, unknown>>, hostname: string): TlsListeners {
  const rows = Array.isArray(listeners) ? (listeners as Array<Record<string, unknown>>) : []
  const found = rows.flatMap((row) => {
    const { protocol, port, ip_address: address } = row
    if (row['node'] !== node || typeof protocol !== 'string' || typeof port !== 'number' || !isTls.test(protocol))
      return []
    const options = optionsOf(row)
    const host = typeof address !== 'string' || isAnyAddress(address) ? hostname : address
    // A loopback address of another machine is not this one's.
    if (isLoopback(host) && !isLoopback(hostname)) return []
    return [
      {
        protocol,
        port,
        host: host.replaceAll(/^\[|\]$/g, ''),
        demandsClientCertificate: options['fail_if_no_peer_cert'] === true,
        hasBothFiles: typeof options['certfile'] === 'string' && typeof options['cacertfile'] === 'string',
      },
    ]
  })
  const isLookedAt = ({ protocol }: TlsListener) => !protocol.startsWith('https')
  return { listeners: found, mayAskHealthCheck: found.filter(isLookedAt).every(({ hasBothFiles }) => hasBothFiles) }
}

/** HTTP listeners keep their TLS options one level deeper. */
function optionsOf({ socket_opts: options }: Record<string, unknown>): Record<string, unknown> {
  const outer = typeof options === 'object' && options !== null ? (options as Record<string, unknown>) : {}
  const inner = outer['ssl_opts']
  return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : outer
}

/** Until when the certificate is good that a listener shows to whoever connects; the broker logs nothing of it. Rejects where no handshake comes about. */
export function shownUntilMs({ host, port }: TlsListener, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // It is looked at, not trusted: nothing is sent.
    const socket = process
      .getBuiltinModule('node:tls')
      .connect({ host, port, rejectUnauthorized: false, timeout: handshakeTimeoutMs })
    const end = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    const abort = () => end(new Error('stopping'))
    signal.addEventListener('abort', abort, { once: true })
    socket.once('close', () => signal.removeEventListener('abort', abort))
    socket.once('timeout', () => end(new Error('no TLS handshake in time')))
    socket.once('error', end)
    socket.once('secureConnect', () => {
      const untilMs = Date.parse(socket.getPeerCertificate().valid_to ?? '')
      socket.destroy()
      if (Number.isNaN(untilMs)) reject(new Error('the listener shows no certificate'))
      else resolve(untilMs)
    })
    if (signal.aborted) abort()
  })
}

/** All there will be: the check answers with those that end within it. */
const withinDays = 36_500

/** By port: until when the certificates are good that the broker's own health check read from its files. Throws UnavailableError. */
export async function checkedUntilMs(account: ManagementAccount, signal: AbortSignal): Promise<Map<number, number>> {
  const path = `/health/checks/certificate-expiration/${withinDays}/days`
  const { expired } = await askManagement(account, path, signal, { accept: [503] })
  const rows = Array.isArray(expired) ? (expired as Array<Record<string, unknown>>) : []
  return new Map(
    rows.flatMap(({ port, certfile_expires_on: ends }) => {
      // The first of a file is the listener's own, those after it are its chain.
      const [first] = Array.isArray(ends) ? (ends as unknown[]) : []
      const untilMs = typeof first === 'string' ? parseUtc(first) : Number.NaN
      return typeof port === 'number' && !Number.isNaN(untilMs) ? [[port, untilMs] as const] : []
    }),
  )
}

/** As the broker writes it: `2026-11-29 4:19:18`. */
function parseUtc(text: string): number {
  const [day = '', time = ''] = text.split(' ')
  return Date.parse(`${day}T${time.padStart(8, '0')}Z`)
}
