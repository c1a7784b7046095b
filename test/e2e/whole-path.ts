import { expect } from 'vitest'
import type { ThumpEvent } from '../../event/event.ts'
import { eventually } from '../servers/eventually.ts'
import type { Installation } from './installation.ts'
import { found } from './stored.ts'
import { connectApp, declareAndDelete, failLogin, type WatchedBroker } from './watched-broker.ts'

/** The story of issue one: a queue comes and goes, a login fails; it is stored, found, and told to people. */
export async function expectWholePath(installation: Installation, broker: WatchedBroker): Promise<void> {
  const { id } = installation
  const queue = `e2e.${id}`
  const app = await connectApp(broker, `app-${id}`)
  await declareAndDelete(app, queue)
  await failLogin(broker, `intruder-${id}`)
  await app.close()
  await expectStored(installation, queue)
  await expectTold(installation, queue)
}

async function expectStored(installation: Installation, queue: string): Promise<void> {
  const { id } = installation
  const one = async (query: string): Promise<ThumpEvent> => {
    const events = await eventually(
      async () => {
        const events = await found(installation, query)
        return events.length > 0 && events
      },
      { withinMs: 60_000, everyMs: 500, what: query },
    )
    expect(events).toHaveLength(1)
    return events[0] as ThumpEvent
  }
  expect(await one(`amqp.operation: queue.declare and rabbitmq.queue: ${queue}`)).toMatchObject({
    event: { dataset: 'rabbitmq.event', action: 'queue.created' },
    rabbitmq: { queue, vhost: '/', durable: true },
    service: { type: 'rabbitmq', name: `cluster-${id}` },
  })
  expect(await one(`amqp.operation: queue.delete and rabbitmq.queue: ${queue}`)).toMatchObject({
    event: { dataset: 'rabbitmq.event', action: 'queue.deleted' },
    user: { name: 'guest' },
  })
  expect(await one(`amqp.operation: login.failure and user.name: intruder-${id}`)).toMatchObject({
    event: { outcome: 'failure' },
  })
  expect(await one(`"login refused" and "intruder-${id}" and event.dataset: rabbitmq.log`)).toMatchObject({
    event: { dataset: 'rabbitmq.log', code: 'login-refused' },
    log: { level: 'error' },
    user: { name: `intruder-${id}` },
  })
}

async function expectTold({ http, smtp, id }: Installation, queue: string): Promise<void> {
  const about =
    (text: string) =>
    ({ body }: { body: string }) =>
      body.includes(text)
  const [slack] = await http.received(1, 30_000, (request) => request.path === '/slack' && about(queue)(request))
  expect(slack?.body).toContain(`queue ${queue} deleted by guest`)
  const [hook] = await http.received(1, 30_000, (request) => request.path === '/hook' && about(queue)(request))
  expect(JSON.parse(hook?.body ?? '{}')).toMatchObject({
    version: expect.anything(),
    alert: { rule: 'queue-deleted', state: 'firing', key: { 'rabbitmq.queue': queue }, severity: 'critical', count: 1 },
  })
  expect(hook?.headers['webhook-signature']).toMatch(/^v1,/)
  await http.received(1, 30_000, (request) => request.path === '/hook' && about(`intruder-${id}`)(request))
  const mail = await eventually(() => smtp.mails.find(({ raw }) => raw.includes(queue)), { withinMs: 30_000 })
  expect(mail.to).toEqual(['mq@example.com'])
}
