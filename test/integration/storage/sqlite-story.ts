import type { ThumpEvent } from '../../../event/event.ts'
import type { StoreItem } from '../../../storage/storage.ts'

const start = Date.parse('2026-11-20T22:00:00Z')

/** The event of that number, always the same; they cross into a new day now and then. */
export function itemAt(number: number): StoreItem {
  const id = `id-${number}`
  const atMs = start + number * 20_000
  const event: ThumpEvent = {
    '@timestamp': new Date(atMs).toISOString(),
    event: { id, dataset: 'rabbitmq.log', sequence: number },
    message: `주문-${number} queue order.created.v${number} deleted`,
    service: { type: 'rabbitmq' },
    agent: { id: 'agent', version: '0' },
    user: { name: `app-${number % 10}` },
  }
  return { topic: 'APP', id, value: Buffer.from(JSON.stringify(event)), atMs }
}
