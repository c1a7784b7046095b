import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { afterEach, expect, test } from 'vitest'
import { createCorrelator } from '../../../agent/correlate/correlator.ts'
import { createKeepUp } from '../../../agent/correlate/keep-up.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { eventually } from '../../servers/eventually.ts'
import { type SharedRabbit, shared } from '../../servers/shared.ts'
import { startWatching } from './event-source.ts'
import { api, unique } from './harness.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** An event source that attributes, with its memory in `dataDir`. */
async function attributing(rabbit: SharedRabbit, dataDir: string, queue: string, canList: boolean) {
  const account = { url: rabbit.managementUrl, username: 'guest', password: new Secret('guest') }
  const correlator = createCorrelator({ identity: { keyNode: () => 'node' } })
  const management = canList ? account : undefined
  const keepUp = createKeepUp({ correlator, dataDir, management, log: silentLogger, now: Date.now, listAfterMs: 200 })
  const attribute = (event: Parameters<typeof correlator.attribute>[0]) => correlator.attribute(event)
  const watched = await startWatching(rabbit, cleanups, { queue, attribute, keepUp })
  await watched.ready()
  return { ...watched, correlator }
}

/** A client of a user of its own. */
async function client(rabbit: SharedRabbit, user: string) {
  await api(rabbit).call('PUT', `/users/${user}`, { password: 'pw', tags: '' })
  cleanups.push(() => api(rabbit).call('DELETE', `/users/${user}`))
  await api(rabbit).call('PUT', `/permissions/%2F/${user}`, { configure: '.*', write: '.*', read: '.*' })
  const url = new URL(rabbit.amqpUrl)
  const target = { hostname: url.hostname, port: Number(url.port), username: user, password: 'pw' }
  const connection = await connect(target, { clientProperties: { connection_name: user } })
  cleanups.push(() => connection.close().catch(() => {}))
  return await connection.createChannel()
}

test.each(['rabbit310', 'rabbit40'] as const)(
  'on %s a connection older than the agent is known from the broker’s list, and after a restart of the agent from its own memory',
  async (name) => {
    const rabbit = shared()[name]
    const [user, queue] = [unique('elder-'), unique('mon.memory-')]
    const dataDir = mkdtempSync(join(tmpdir(), 'thump-memory-'))
    cleanups.push(() => Promise.resolve(rmSync(dataDir, { recursive: true, force: true })))
    const channel = await client(rabbit, user)
    const isListed = async () => {
      const { json } = await api(rabbit).call('GET', '/connections?columns=user')
      return (json as { user: string }[]).some((row) => row.user === user)
    }
    await eventually(isListed, { what: 'the connection listed' })

    const first = await attributing(rabbit, dataDir, queue, true)
    const deed = async ({ sink }: Pick<typeof first, 'sink'>) => {
      const made = unique('deed-')
      await channel.assertQueue(made, { exclusive: false, durable: true })
      await channel.deleteQueue(made)
      return await eventually(() =>
        sink.find(({ event, rabbitmq }) => event.action === 'queue.deleted' && rabbitmq?.queue === made),
      )
    }
    await eventually(async () => (await deed(first)).client?.name === user, { what: 'the client named' })
    await first.started.stop()

    const second = await attributing(rabbit, dataDir, queue, false)
    expect((await deed(second)).client?.name, 'at once, without the list').toBe(user)
  },
)
