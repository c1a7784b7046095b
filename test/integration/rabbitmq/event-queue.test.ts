import { connect } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import { movingName, openEventQueue } from '../../../agent/sources/events/move.ts'
import { probeEvents } from '../../../agent/sources/events/probe.ts'
import { queueArguments } from '../../../agent/sources/events/queue.ts'
import { eventually } from '../../servers/eventually.ts'
import { type SharedRabbit, shared } from '../../servers/shared.ts'
import { startWatching } from './event-source.ts'
import { api, unique } from './harness.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
const watch = (rabbit: SharedRabbit, request: Parameters<typeof startWatching>[2] = {}) =>
  startWatching(rabbit, cleanups, request)

async function channelOf(rabbit: SharedRabbit) {
  const connection = await connect(rabbit.amqpUrl)
  cleanups.push(() => connection.close().catch(() => {}))
  return { connection, channel: await connection.createChannel() }
}

describe.each(['rabbit310', 'rabbit40'] as const)('the event queue on %s', (name) => {
  const rabbit = () => shared()[name]

  test('is made anew under another length, and no event is lost meanwhile', async () => {
    const { channel } = await channelOf(rabbit())
    const queue = unique('mon.moved-')
    cleanups.push(() => api(rabbit()).call('DELETE', `/queues/%2F/${movingName(queue)}`))
    const first = await watch(rabbit(), { queue, events: { vhost: '/', queue, maxLength: 1000 } })
    await first.ready()
    first.sink.hold()
    const made: string[] = []
    const make = async () => {
      made.push(unique('deed-'))
      await channel.assertQueue(made.at(-1) ?? '', { exclusive: true })
      await channel.deleteQueue(made.at(-1) ?? '')
    }
    for (let n = 0; n < 50; n++) await make()
    await first.started.stop()
    const second = await watch(rabbit(), { queue, events: { vhost: '/', queue, maxLength: 2000 } })
    const isMoved = async () => {
      await make()
      const { status, json } = await api(rabbit()).call('GET', `/queues/%2F/${queue}`)
      const { status: left } = await api(rabbit()).call('GET', `/queues/%2F/${movingName(queue)}`)
      const given = (json as { arguments?: Record<string, unknown> }).arguments
      return status === 200 && given?.['x-max-length'] === 2000 && left === 404
    }
    await eventually(isMoved, { what: 'the queue moved' })
    for (let n = 0; n < 20; n++) await make()
    const seen = () =>
      new Set(
        [...first.sink.events(), ...second.sink.events()].map(
          ({ rabbitmq, event }) => `${rabbitmq?.queue} ${event.action}`,
        ),
      )
    const wanted = made.flatMap((deed) => [`${deed} queue.created`, `${deed} queue.deleted`])
    await eventually(() => wanted.every((deed) => seen().has(deed)), { what: 'every event' })
  })

  test('is read as it is where this process has moved it once: two agents that disagree must not do it for ever', async () => {
    const { connection, channel } = await channelOf(rabbit())
    const queue = unique('mon.disputed-')
    cleanups.push(() => api(rabbit()).call('DELETE', `/queues/%2F/${queue}`))
    await channel.assertQueue(queue, { durable: true, arguments: queueArguments(1000) })
    const wanted = { queue, maxLength: 2000, type: 'classic' } as const
    expect(await openEventQueue(connection, wanted, false)).toEqual({ kind: 'differs' })
    expect((await channel.checkQueue(queue)).queue).toBe(queue)
    expect((await api(rabbit()).call('GET', `/queues/%2F/${movingName(queue)}`)).status).toBe(404)
  })

  test('keeps its type where nobody can say how many nodes there are', async () => {
    const { connection, channel } = await channelOf(rabbit())
    const queue = unique('mon.typed-')
    cleanups.push(() => api(rabbit()).call('DELETE', `/queues/%2F/${queue}`))
    await channel.assertQueue(queue, { durable: true, arguments: queueArguments(1000, 'quorum') })
    expect(await openEventQueue(connection, { queue, maxLength: 1000 }, true)).toEqual({ kind: 'ready' })
  })

  test('a probe is told of where the plugin is, and leaves nothing behind', async () => {
    const { connection } = await channelOf(rabbit())
    expect(await probeEvents(connection, AbortSignal.timeout(30_000))).toBe(true)
    const { json } = await api(rabbit()).call('GET', '/queues/%2F?disable_stats=true')
    const names = (json as { name: string }[]).map((queue) => queue.name)
    expect(names.filter((probe) => probe.startsWith('mon.probe.'))).toEqual([])
  })
})
