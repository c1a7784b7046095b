import { streamKey } from '../../../event/encode.ts'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { ManagementAccount } from '../../broker/management.ts'
import type { Emit, Identity } from '../../source.ts'
import { certificateEvent } from './sampled-event.ts'
import { checkedUntilMs, readTlsListeners, shownUntilMs, type TlsListener } from './tls-listeners.ts'

export interface CertificatesDeps {
  readonly account: ManagementAccount
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly now: Clock
}

const everyMs = 3_600_000
const againMs = 300_000

/**
 * Reads, once an hour, until when the certificates of the node's TLS listeners are good. Where none demands one of the
 * client a handshake tells; a refused handshake would stand in the broker's log, so there its health check is asked.
 */
export function createCertificateReader(deps: CertificatesDeps): (signal: AbortSignal) => Promise<void> {
  const { account, identity, emit, log, now } = deps
  let nextMs = Number.NEGATIVE_INFINITY
  const untold = new Set<string>()
  const tellOnce = (listener: string, reason: string) => {
    if (untold.has(`${listener} ${reason}`)) return
    untold.add(`${listener} ${reason}`)
    log.warn({ listener, reason }, 'a certificate is not readable')
  }
  const read = async (signal: AbortSignal) => {
    const { listeners, mayAskHealthCheck } = await readTlsListeners(account, signal)
    const isAsked = mayAskHealthCheck && listeners.some((each) => each.demandsClientCertificate)
    const checked = isAsked ? await checkedUntilMs(account, signal) : new Map<number, number>()
    const untilOf = async (listener: TlsListener) => {
      if (!listener.demandsClientCertificate) return shownUntilMs(listener, signal)
      const untilMs = checked.get(listener.port)
      if (untilMs === undefined) throw new Error('it demands one of the client, and the health check does not tell')
      return untilMs
    }
    for (const listener of listeners) {
      const { protocol, port } = listener
      const untilMs = await untilOf(listener).catch((error: unknown) => {
        if (signal.aborted) throw error
        tellOnce(`${protocol} ${port}`, error instanceof Error ? error.message : String(error))
      })
      if (untilMs === undefined) continue
      const event = certificateEvent({ protocol, port, untilMs }, identity, now())
      await emit.events([{ topic: 'METRIC', key: streamKey(identity.keyNode(), 'resources'), event }], signal)
    }
  }
  return async (signal) => {
    if (now() < nextMs) return
    nextMs = now() + againMs
    await read(signal)
    nextMs = now() + everyMs
  }
}
