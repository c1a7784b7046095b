import { randomUUID } from 'node:crypto'
import type { Emitted } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import type { Emit, Identity } from '../../../agent/source.ts'
import type { SharedRabbit } from '../../servers/shared.ts'

/** A unique name: the brokers are shared. */
export const unique = (prefix: string) => `${prefix}${randomUUID().slice(0, 8)}`

export function testIdentity(): Identity & { readonly learned: { node?: string; cluster?: string } } {
  const learned: { node?: string; cluster?: string } = {}
  return {
    agentId: unique('agent-'),
    agentVersion: '0.0.0',
    hostName: unique('host-'),
    keyNode: () => 'node',
    node: () => learned.node,
    cluster: () => learned.cluster,
    learn: (found) => void Object.assign(learned, found),
    learned,
  }
}

/** Keeps what a source emits; `refuse` makes each hand-over fail as a transport that is away does. */
export function collector() {
  const emitted: Emitted[] = []
  let gate: Promise<void> = Promise.resolve()
  const emit: Emit = {
    async events(events, signal) {
      await Promise.race([
        gate,
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        }),
      ])
      emitted.push(...events)
    },
    records: () => Promise.reject(new Error('not used')),
  }
  return {
    emit,
    emitted,
    events: () => emitted.map(({ event }) => event),
    find: (check: (event: ThumpEvent) => boolean | undefined) => emitted.find(({ event }) => check(event))?.event,
    hold() {
      let resolve = () => {}
      const promise = new Promise<void>((done) => {
        resolve = done
      })
      gate = promise
      return () => resolve()
    },
  }
}

export interface Api {
  call(
    method: string,
    path: string,
    body?: unknown,
    user?: string,
    password?: string,
  ): Promise<{ status: number; json: unknown }>
}

export function api(rabbit: SharedRabbit): Api {
  return {
    async call(method, path, body, user = 'guest', password = 'guest') {
      const response = await fetch(`${rabbit.managementUrl}/api${path}`, {
        method,
        headers: {
          authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
          'content-type': 'application/json',
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(20_000),
      })
      const text = await response.text()
      return { status: response.status, json: text === '' ? undefined : (JSON.parse(text) as unknown) }
    },
  }
}
