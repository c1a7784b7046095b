import { afterAll, expect, test } from 'vitest'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { joinAttribution } from '../../../event/attribution.ts'
import { addresses, dial, http } from '../../recordings/people.ts'
import { watch } from '../../recordings/watched.ts'
import { eventually } from '../../servers/eventually.ts'
import { startRabbitmqCluster } from '../../servers/rabbitmq-cluster.ts'

const shutdown = new Shutdown()
afterAll(() => shutdown.run(AbortSignal.timeout(90_000)))

// Private brokers: the two share nothing, and run side by side.
test.concurrent.each(['3.10', '4.0'] as const)(
  'two agents beside a cluster of RabbitMQ %s give each event once, and say who did it on the other node',
  async (version) => {
    const [one, two] = shutdown.own('cluster', await startRabbitmqCluster(version))
    if (!one || !two) throw new Error('a cluster has two nodes')
    const agents = [
      shutdown.own('first agent', await watch(one)),
      shutdown.own(
        'second agent',
        await watch(two, { amqp: { url: [two.amqpUrl, one.amqpUrl], username: 'mon', password: 'mon' } }),
      ),
    ]
    for (const agent of agents) await agent.ready()
    // As storage takes them: a message that is delivered again has the id it had before.
    const events = () => [
      ...new Map(agents.flatMap((agent) => agent.events).map((told) => [told.event.id, told])).values(),
    ]
    const told = (action: string, queue?: string) =>
      events().filter(
        ({ event, rabbitmq }) => event.action === action && (queue === undefined || rabbitmq?.queue === queue),
      )
    const { type } = (await one.api('GET', '/api/queues/%2F/mon.events')) as { type: string }
    expect(type).toBe('quorum')

    // A queue made over the one node, deleted by a request to the other.
    await one.api('PUT', '/api/users/alice', { password: 'alice', tags: 'administrator' })
    await one.api('PUT', '/api/permissions/%2F/alice', { configure: '.*', write: '.*', read: '.*' })
    const client = await dial(one, { user: 'alice', from: addresses.checkout, name: 'made here' })
    const channel = await client.createChannel()
    for (let n = 0; n < 20; n++) await channel.assertQueue(`cluster-${n}`, { durable: true })
    for (let n = 0; n < 20; n++) await http(two, 'DELETE', `/queues/%2F/cluster-${n}`)
    await client.close()
    const patience = { withinMs: 120_000 }
    await eventually(() => told('queue.deleted', 'cluster-19').length > 0, { ...patience, what: 'the last deletion' })
    await eventually(() => events().filter(({ event }) => event.dataset === 'rabbitmq.attribution').length >= 20, {
      ...patience,
      what: 'the access lines of the other node',
    })
    const deeds = joinAttribution(events()).filter(({ event }) => event.action === 'queue.deleted')
    for (let n = 0; n < 20; n++) {
      const same = deeds.filter(({ rabbitmq }) => rabbitmq?.queue === `cluster-${n}`)
      expect(same.map(({ source, rabbitmq }) => [source?.ip, rabbitmq?.attribution])).toEqual([
        [addresses.alice, 'http-api'],
      ])
    }

    // Both nodes tell of an alarm: it is one.
    await two.ctl('set_vm_memory_high_watermark', 'absolute', '1000000')
    await eventually(() => told('alarm.set').length > 0, { ...patience, what: 'the alarm' })
    await two.ctl('set_vm_memory_high_watermark', '0.6')
    await eventually(() => told('alarm.cleared').length > 0, { ...patience, what: 'its end' })
    expect([told('alarm.set').length, told('alarm.cleared').length]).toEqual([1, 1])
    expect(told('alarm.set')[0]?.service.node?.name).toBe(two.nodeName)
  },
  300_000,
)
