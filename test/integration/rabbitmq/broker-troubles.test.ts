import { Writable } from 'node:stream'
import { connect } from 'amqplib'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../../demo/broker/start-broker.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import { eventually } from '../../servers/eventually.ts'
import { startRabbitmq } from '../../servers/rabbitmq.ts'
import { Bench } from '../log-files/harness.ts'
import { startWatching } from './event-source.ts'
import { unique } from './harness.ts'

/** One broker of our own, one event source over all of its troubles: each test finds what the one before it left. */
const cleanups: Array<() => Promise<unknown>> = []
const told: Array<{ msg: string; detail?: string }> = []
let broker: Started<Broker>
let watched: Awaited<ReturnType<typeof startWatching>>

beforeAll(async () => {
  broker = await startRabbitmq('4.0', {
    plugins: ['rabbitmq_management'],
    extraConfig: [
      'log.file.formatter = json',
      'log.file.formatter.time_format = epoch_usecs',
      'log.file.formatter.level_format = uc4',
      'log.file.formatter.json.field_map = time:when level:sev msg:what pid:process domain:area line:- mfa:call verbosity:v *',
      'log.file.formatter.json.verbosity_map = debug:7 info:6 warning:4 error:3',
    ].join('\n'),
  })
  const log = pino(
    new Writable({
      write(chunk: Buffer, _, done) {
        told.push(JSON.parse(chunk.toString()) as (typeof told)[number])
        done()
      },
    }),
  )
  watched = await startWatching(broker.value, cleanups, {
    log,
    holdLimitMs: 300,
    probeEveryMs: 100,
    probeLimitMs: 3000,
  })
}, 120_000)

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup().catch(() => {})
  await broker.stop()
}, 60_000)

async function deed(): Promise<string> {
  const connection = await connect(broker.value.amqpUrl)
  const channel = await connection.createChannel()
  const queue = unique('deed-')
  await channel.assertQueue(queue, { exclusive: true })
  await connection.close()
  return queue
}

const idsOf = (queue: string) =>
  watched.sink
    .events()
    .filter(({ rabbitmq }) => rabbitmq?.queue === queue)
    .map(({ event }) => event.id)

const timesTold = (part: string) => told.filter(({ detail }) => detail?.includes(part)).length

test('without the plugin the exact command is told once, and the source comes alive when it was run', async () => {
  const { started, ready } = watched
  const command = 'rabbitmq-plugins enable rabbitmq_event_exchange'
  await eventually(() => started.value.ready().detail?.includes(command), { what: 'the command told' })
  await broker.value.tool('rabbitmq-plugins', 'enable', 'rabbitmq_event_exchange')
  await ready()
  const queue = await deed()
  await eventually(() => idsOf(queue).length === 2, { what: 'created and deleted' })
  expect(timesTold(command)).toBe(1)
}, 60_000)

test('what the transport does not take in time goes back to the queue, and comes once the transport is back', async () => {
  const { sink, started, ready } = watched
  const release = sink.hold()
  const queues: string[] = []
  for (let n = 0; n < 5; n++) queues.push(await deed())
  await eventually(() => started.value.ready().detail?.includes('the transport took no events'), { what: 'it is told' })
  expect(queues.flatMap(idsOf)).toEqual([])
  queues.push(await deed())
  release()
  await eventually(() => queues.every((queue) => new Set(idsOf(queue)).size === 2), { what: 'every event' })
  await ready()
}, 60_000)

test('a drained node is told once, with the command that ends it; revived, it loses nothing', async () => {
  const { started, ready } = watched
  const before = await deed()
  const command = 'rabbitmq-upgrade revive'
  await broker.value.tool('rabbitmq-upgrade', 'drain')
  await eventually(() => started.value.ready().detail?.includes(command), { what: 'the command told' })
  await broker.value.tool('rabbitmq-upgrade', 'revive')
  await ready()
  const after = await deed()
  await eventually(() => [before, after].every((queue) => new Set(idsOf(queue)).size === 2), { what: 'every event' })
  const actions = watched.sink.events().map(({ event }) => event.action)
  expect(actions).toEqual(expect.arrayContaining(['maintenance.draining', 'maintenance.revived']))
  expect(timesTold(command)).toBe(1)
}, 60_000)

test('the plugin disabled and enabled again: what is missing is told with the command, and the queue is bound anew', async () => {
  const { started, ready } = watched
  await broker.value.tool('rabbitmq-plugins', 'disable', 'rabbitmq_event_exchange')
  await eventually(() => started.value.ready().detail?.includes('enable rabbitmq_event_exchange'), {
    what: 'it is told',
  })
  await broker.value.tool('rabbitmq-plugins', 'enable', 'rabbitmq_event_exchange')
  await ready()
  const queue = await deed()
  await eventually(() => new Set(idsOf(queue)).size === 2, { what: 'its events' })
}, 60_000)

test('an exchange deleted and made anew between two probes takes no event source with it', async () => {
  const remake = [
    'X = rabbit_misc:r(<<"/">>, exchange, <<"amq.rabbitmq.event">>)',
    'ok = rabbit_exchange:delete(X, false, <<"test">>)',
    '{ok, _} = rabbit_exchange:declare(X, topic, true, false, true, [], <<"test">>)',
  ]
  await broker.value.ctl('eval', `${remake.join(', ')}.`)
  await eventually(
    async () => {
      const queue = await deed()
      return await eventually(() => new Set(idsOf(queue)).size === 2, { withinMs: 1000 })
    },
    { what: 'events after the exchange was made anew' },
  )
  await watched.ready()
}, 60_000)

test('its JSON log is read under whatever names and formats it is configured to have', async () => {
  const bench = new Bench()
  cleanups.push(() => bench.stop())
  await bench.start({ paths: [broker.value.logFile] })
  const refused = connect(broker.value.amqpUrl.replace('//', '//nobody:wrong@'))
  await expect(refused).rejects.toThrow()
  const find = () => bench.sent.find(({ event }) => event.message.includes("login refused: user 'nobody'"))?.event
  const event = await eventually(find, { what: 'the refused login' })
  expect(event.log?.level).toBe('error')
  expect(event.rabbitmq?.['pid']).toMatch(/^<\d+\.\d+\.\d+>$/)
  expect(event.app).toMatchObject({ domain: 'rabbitmq.connection', v: 3 })
  expect(Math.abs(Date.parse(event['@timestamp']) - Date.now())).toBeLessThan(60_000)
  const raw = bench.sent.filter(({ topic, event: { message } }) => topic === 'APP' && message.startsWith('{"'))
  expect(raw).toEqual([])
}, 60_000)
