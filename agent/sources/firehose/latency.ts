import type { ThumpEvent } from '../../../event/event.ts'

/** Of each of two generations: the older one is forgotten as a whole. */
const maxRemembered = 10_000

/**
 * From publish to deliver, in ms, put onto deliveries. By the broker's clock where its timestamp interceptor is on;
 * else by when we received both traces, for messages that carry a `message_id`: nothing else names a message.
 */
export function createLatency(): (event: ThumpEvent, atMs: number) => void {
  let published = new Map<string, number>()
  let before = new Map<string, number>()
  return (event, atMs) => {
    const { amqp, rabbitmq } = event
    if (!rabbitmq || !amqp) return
    const set = (ms: number, clock: 'broker' | 'agent') => {
      if (ms < 0 || ms > 30 * 86_400_000) return
      rabbitmq.latency_ms = ms
      rabbitmq.latency_clock = clock
    }
    const stampedMs = amqp.headers?.['timestamp_in_ms']
    const isPublish = amqp.operation === 'basic.publish'
    if (!isPublish && typeof stampedMs === 'number') {
      set(atMs - stampedMs, 'broker')
      return
    }
    const id = amqp.properties?.['message_id']
    if (typeof id !== 'string') return
    const key = `${rabbitmq.vhost} ${id}`
    if (isPublish) {
      published.set(key, atMs)
      if (published.size >= maxRemembered) [before, published] = [published, new Map()]
      return
    }
    const sinceMs = published.get(key) ?? before.get(key)
    if (sinceMs !== undefined) set(atMs - sinceMs, 'agent')
  }
}
