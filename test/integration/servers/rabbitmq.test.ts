import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import { type Account, createDemoAccounts, switchTracingOn } from '../../../demo/accounts.ts'
import { processesOf } from '../../../demo/broker/processes.ts'
import type { Broker } from '../../../demo/broker/start-broker.ts'
import { runWorkload } from '../../../demo/workload.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import { eventually } from '../../servers/eventually.ts'
import { startRabbitmqCluster } from '../../servers/rabbitmq-cluster.ts'
import { startRabbitmq } from '../../servers/rabbitmq.ts'
import { expectNothingLeft } from './leaves-nothing.ts'

const stops: (() => Promise<void>)[] = []
const own = <T>({ value, stop }: Started<T>): T => {
  stops.push(stop)
  return value
}
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const baseOf = (broker: Broker) => dirname(broker.logDir)

describe.each(['3.10', '4.0'] as const)('RabbitMQ %s', (version) => {
  test('serves as another user than root, keeps its data over a kill, and leaves no process and no folder', async () => {
    const { value: broker, stop } = await startRabbitmq(version)
    stops.push(stop)
    expect(statSync(`/proc/${broker.pid()}`).uid).not.toBe(0)
    expect(await broker.version()).toMatch(new RegExp(`^${version.replace('.', String.raw`\.`)}\\.`))
    const connection = await connect(broker.amqpUrl)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('kept', { durable: true })
    channel.sendToQueue('kept', Buffer.from('message'), { persistent: true })
    await channel.waitForConfirms()
    connection.on('error', () => {})
    // A confirm covers the message; the queue's own record may still be in the database's buffer.
    await broker.ctl('eval', 'mnesia:sync_log().')
    await broker.kill()
    await broker.start()
    const again = await connect(broker.amqpUrl)
    const reading = await again.createChannel()
    reading.on('error', () => {})
    const message = await reading.get('kept')
    expect(message !== false && message.content.toString()).toBe('message')
    await again.close()
    await stop()
    await expectNothingLeft(baseOf(broker))
  })
})

test('the sample workload makes every deed of the demo happen and takes its queues away, and Thump may touch only its own', async () => {
  const broker = own(await startRabbitmq('3.10'))
  const accounts = await createDemoAccounts(broker)
  await switchTracingOn(broker)
  const done = new AbortController()
  const deeds: string[] = []
  await runWorkload(
    {
      ...broker,
      accounts,
      roundMs: 100,
      onDeed: (deed) => {
        deeds.push(deed)
        if (deed.includes('channel')) done.abort()
      },
    },
    done.signal,
  )
  expect(deeds).toEqual([
    '3 orders published',
    'an unroutable message published',
    'a login with a wrong password failed',
    'queue shop.report-0 deleted',
    'a channel was closed with an error',
  ])
  await eventually(async () => (await broker.ctl('list_queues', '--quiet')).trim() === '')
  const log = readFileSync(broker.logFile, 'utf8')
  expect(log).toMatch(/\[error\].*PLAIN login refused: user 'shop-app' - invalid credentials/)
  expect(log).toMatch(/\[error\].*channel exception not_found: no queue 'shop.no-such-queue'/)
  const access = globSync(join(broker.logDir, 'access.log*')).map((file) => readFileSync(file, 'utf8'))
  expect(access.join('')).toMatch(/DELETE \/api\/queues\/%2F\/shop.report-0\/contents HTTP\/1.1" 204/)
  await expectOwnQueuesOnly(broker, accounts.thump)
})

/** Thump's own user must not be able to touch what is not Thump's. */
async function expectOwnQueuesOnly(broker: Broker, { username, password }: Account): Promise<void> {
  const connection = await connect(broker.amqpUrl.replace('//', `//${username}:${password}@`))
  const allowed = await connection.createChannel()
  await allowed.assertQueue('mon.events')
  await allowed.bindQueue('mon.events', 'amq.rabbitmq.event', '#')
  const refused = await connection.createChannel()
  refused.on('error', () => {})
  await expect(refused.assertQueue('shop.orders')).rejects.toThrow(/ACCESS_REFUSED|403/)
  await connection.close()
}

test('two nodes form one cluster; one of them can be killed and comes back', async () => {
  const [first, second] = own(await startRabbitmqCluster('3.10'))
  const running = async () =>
    ((await first!.api('GET', '/api/nodes')) as { running: boolean }[]).filter((n) => n.running)
  await eventually(async () => (await running()).length === 2)
  await second!.kill()
  await eventually(async () => (await running()).length === 1)
  await second!.start()
  await eventually(async () => (await running()).length === 2)
})

test('a killed parent leaves no broker behind', async () => {
  const module = join(import.meta.dirname, '../../servers/rabbitmq.ts')
  const script = `const { startRabbitmq } = await import(${JSON.stringify(module)})
    const { value } = await startRabbitmq('3.10')
    console.log(value.logDir)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [logDir] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const base = dirname(logDir)
  expect(existsSync(base)).toBe(true)
  expect(processesOf(base).length).toBeGreaterThan(1)
  parent.kill('SIGKILL')
  await expectNothingLeft(base)
})
