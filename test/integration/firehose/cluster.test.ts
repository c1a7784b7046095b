import { connect } from 'amqplib'
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { grant } from '../../../agent/broker/least-privilege.ts'
import type { Broker } from '../../../demo/broker/start-broker.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { eventually } from '../../servers/eventually.ts'
import { startRabbitmqCluster } from '../../servers/rabbitmq-cluster.ts'
import { testIdentity } from '../rabbitmq/harness.ts'
import { watchFirehose } from './harness.ts'

const password = 'of-the-monitor'

/** An agent beside one node, with the rights that `thump setup rabbitmq` gives. */
async function watchNode(broker: Broker, cleanups: Array<() => Promise<unknown>>) {
  const account = { username: 'mon', password: new Secret(password) }
  const watched = await watchFirehose(broker, '/', cleanups, {
    amqp: { url: [broker.amqpUrl], ...account },
    management: { url: broker.managementUrl, ...account },
    identity: testIdentity(),
  })
  await watched.ready()
  return watched
}

test('in a cluster each agent tells of its own node, once; covers what that node counted; and knows a restart from a hand', async () => {
  const shutdown = new Shutdown()
  onTestFinished(() => shutdown.run(AbortSignal.timeout(90_000)), 100_000)
  const [first, second] = shutdown.own('cluster', await startRabbitmqCluster('4.0', { nodes: 2 }))
  if (!first || !second) throw new Error('two nodes were asked for')
  const cleanups: Array<() => Promise<unknown>> = []
  shutdown.add('agents', async () => void (await Promise.all(cleanups.map((cleanup) => cleanup()))))
  await first.api('PUT', '/api/users/mon', { password, tags: 'monitoring' })
  await first.api('PUT', '/api/permissions/%2F/mon', grant)
  for (const node of [first, second]) await node.ctl('trace_on')
  const agents = [await watchNode(first, cleanups), await watchNode(second, cleanups)] as const

  // Published on the one node, consumed on the other: each agent sees its half.
  const [here, there] = [await connect(first.amqpUrl), await connect(second.amqpUrl)]
  for (const connection of [here, there]) connection.on('error', () => {})
  shutdown.add('clients', async () => void (await Promise.allSettled([here.close(), there.close()])))
  const [publisher, consumer] = [await here.createConfirmChannel(), await there.createChannel()]
  await publisher.assertQueue('shop.orders')
  let delivered = 0
  await consumer.consume('shop.orders', () => delivered++, { noAck: true })
  for (let n = 0; n < 100; n++) publisher.sendToQueue('shop.orders', Buffer.from(String(n)), { messageId: `m-${n}` })
  await publisher.waitForConfirms()
  await eventually(() => delivered === 100)
  await eventually(() => agents.every(({ traces }) => traces().length === 100), { what: 'each half told once' })
  for (const [index, node] of [first, second].entries()) {
    const told = agents[index]?.traces() ?? []
    expect(new Set(told.map(({ service }) => service.node?.name))).toEqual(new Set([node.nodeName]))
    expect(new Set(told.map(({ amqp }) => amqp?.operation))).toEqual(
      new Set([index === 0 ? 'basic.publish' : 'basic.deliver']),
    )
    expect(new Set(told.map(({ amqp }) => amqp?.properties?.['message_id'])).size).toBe(100)
  }
  for (const { metric } of agents) {
    await eventually(async () => (await metric('thump_firehose_coverage_ratio')) === 1, { what: 'its node covered' })
    expect(await metric('thump_firehose_happened')).toBe(100)
    expect(await metric('thump_firehose_broker_dropped_estimate')).toBe(0)
  }
  // A monitoring user is asked for nothing that would be refused, and logged.
  for (const { logFile } of [first, second])
    expect(readFileSync(logFile, 'utf8')).not.toMatch(/access denied|not_authorised|operation .* refused/i)

  await second.halt()
  await second.start()
  const [told, byHand] = [agents[1], agents[0]].map(
    ({ sink }) =>
      () =>
        sink.find(({ event }) => event.action === 'firehose.tracing-off'),
  )
  const { message } = await eventually(() => told?.())
  expect(message).toBe(
    "no traces of vhost '/': the restart of the node switched it off; run: rabbitmqctl trace_on -p '/'",
  )
  expect(byHand?.()).toBeUndefined()
  await first.ctl('trace_off')
  expect((await eventually(() => byHand?.())).message).toContain('it was switched off')
  await second.ctl('trace_on')
  await eventually(() => agents[1].started.value.ready().ok, { what: 'the restarted node traced again' })
})
