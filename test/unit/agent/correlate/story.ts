import { createCorrelator } from '../../../../agent/correlate/correlator.ts'
import { decodeEvent } from '../../../../agent/sources/events/decode-event.ts'
import { parseAccessLine } from '../../../../agent/parse/access/access.ts'
import { recognise } from '../../../../agent/parse/catalogue/recognise.ts'
import type { ThumpEvent } from '../../../../event/event.ts'

export const node = 'rabbit@mq1'
const startMs = Date.parse('2026-11-22T17:14:00Z')
const identity = { agentId: 'agent', agentVersion: '0', hostName: 'mq1', cluster: () => 'orders' }
const own = { users: new Set(['mon']), queuePrefix: 'mon.' }
const pid = (id: number) => `<${node}.1700000000.${id}.0>`

/** A correlator that is told things at given milliseconds, in the broker's own words. */
export function story({ isComplete = true } = {}) {
  const correlator = createCorrelator({ identity: { keyNode: () => node } })
  if (isComplete) correlator.completeFromMs = 0
  const at = (ms: number) => startMs + ms
  const event = (ms: number, routingKey: string, headers: Record<string, unknown>, isAgain = false): ThumpEvent => {
    const message = { routingKey, headers: { vhost: '/', timestamp_in_ms: at(ms), ...headers } }
    const decoded = decodeEvent(message, identity, own, 0)
    if (decoded.kind !== 'event') throw new Error(decoded.reason)
    correlator.attribute(decoded.event, isAgain)
    return decoded.event
  }
  const line = (ms: number, dataset: string, id: string, message: string): ThumpEvent => ({
    '@timestamp': new Date(at(ms)).toISOString(),
    event: { id, dataset },
    message,
    service: { type: 'rabbitmq', name: 'orders', node: { name: node } },
    agent: { id: 'agent', version: '0' },
    log: { file: { path: `/var/log/${dataset}` }, offset: ms },
  })
  return {
    correlator,
    event,
    /** Opens connection `id` from 10.0.0.`id`, with one channel, pid `id` * 10. */
    open: (ms: number, id: number, user: string, vhost = '/') => {
      const name = `10.0.0.${id}:5000 -> 10.0.0.1:5672`
      const by = { user, vhost, user_who_performed_action: user }
      event(ms, 'connection.created', {
        ...by,
        name,
        pid: pid(id),
        node,
        peer_host: `{10,0,0,${id}}`,
        peer_port: 5000,
        protocol: '{0,9,1}',
        user_provided_name: `client-${id}`,
      })
      event(ms, 'channel.created', { ...by, name: `${name} (1)`, number: 1, pid: pid(id * 10), connection: pid(id) })
      return name
    },
    close: (ms: number, id: number) =>
      event(ms, 'connection.closed', { name: `10.0.0.${id}:5000 -> 10.0.0.1:5672`, pid: pid(id), node, vhost: '' }),
    pid,
    access: (ms: number, user: string, request: string, status = 204, ip = '10.0.0.99') => {
      const stamp = `22/Nov/2026:17:14:${String(Math.floor(ms / 1000)).padStart(2, '0')} +0000`
      const text = `${ip} - ${user} [${stamp}] "${request} HTTP/1.1" ${status} 0 "" "curl/7.88.1"`
      const event = { ...line(ms, 'rabbitmq.access', `access-${ms}`, text), ...parseAccessLine(text) } as ThumpEvent
      event.event = { id: `access-${ms}`, dataset: 'rabbitmq.access' }
      return correlator.derive(event).map((emitted) => emitted.event)
    },
    log: (ms: number, message: string, fields: Partial<ThumpEvent> = {}) => {
      const found = recognise(message)
      const event = { ...line(ms, 'rabbitmq.log', `log-${ms}`, message), ...found?.fields, ...fields } as ThumpEvent
      if (found) event.event.code = found.code
      return { event, derived: correlator.derive(event).map((emitted) => emitted.event) }
    },
  }
}
