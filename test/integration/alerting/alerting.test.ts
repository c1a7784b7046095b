import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError } from '../../../runtime/errors.ts'
import { eventually } from '../../servers/eventually.ts'
import { startHttpReceiver } from '../../servers/http-receiver.ts'
import { openBench } from './harness.ts'

const queueDeleted = `
rules:
- id: queue-deleted
  topic: AMQP
  type: match
  where: {amqp.operation: queue.delete}
  groupBy: [rabbitmq.vhost, rabbitmq.queue]
  severity: critical
  summary: "queue {{rabbitmq.queue}} deleted by {{user.name}} from {{source.ip}}"
`
const deleted = (queue: string) => ({
  amqp: { operation: 'queue.delete' },
  rabbitmq: { vhost: '/', queue },
  user: { name: 'admin' },
  source: { ip: '10.0.0.7' },
})
const bruteForce = `
rules:
- id: brute-force
  topic: AMQP
  type: count
  where: {amqp.operation: login.failure}
  groupBy: [source.ip]
  count: {gte: 5, within: 5m}
`
const failure = { amqp: { operation: 'login.failure' }, source: { ip: '10.0.0.9' } }

test('a deleted queue is told to a webhook, listed, and published as history', async () => {
  const receiver = await startHttpReceiver()
  const bench = await openBench()
  bench.writeRules('mq.yaml', queueDeleted)
  const history: string[] = []
  const consumer = await bench.transport.createConsumer(
    { role: 'reader', topics: ['THUMP'], startAt: 'beginning' },
    { records: async ({ records }) => void history.push(...records.map(({ value }) => value.toString())) },
  )
  const alerter = await bench.start({
    alerting: {
      channels: { hook: { type: 'webhook', url: receiver.value.url } },
      routes: [{ match: {}, to: ['hook'] }],
    },
  })
  await bench.send('AMQP', deleted('orders'))
  const [request] = await receiver.value.received(1)
  expect(JSON.parse(request!.body)).toMatchObject({
    alert: { rule: 'queue-deleted', state: 'firing', summary: 'queue orders deleted by admin from 10.0.0.7' },
  })
  expect(await alerter.alerts('firing')).toMatchObject([
    { ruleId: 'queue-deleted', key: { 'rabbitmq.queue': 'orders' } },
  ])
  const published = await eventually(() => history.find((text) => text.includes('alert.firing')))
  expect(JSON.parse(published)).toMatchObject({
    event: { dataset: 'thump.alert', action: 'alert.firing' },
    message: 'queue orders deleted by admin from 10.0.0.7',
    thump: { alert: { rule: 'queue-deleted', severity: 'critical', count: 1 } },
  })
  await consumer.stop()
  await receiver.stop()
})

test('a window of four of five goes on at four after a restart, and nothing is counted twice', async () => {
  const bench = await openBench()
  bench.writeRules('auth.yaml', bruteForce)
  const first = await bench.start()
  await bench.send('AMQP', ...Array.from({ length: 4 }, () => failure))
  await eventually(async () => (await first.get('/api/v1/state/brute-force?key=10.0.0.9')).status === 200)
  await first.stop()
  const second = await bench.start()
  const { body } = await second.get('/api/v1/state/brute-force?key=10.0.0.9')
  expect((body as { window: { times: number[] } }).window.times).toHaveLength(4)
  expect(await second.alerts()).toEqual([])
  await bench.send('AMQP', failure)
  await eventually(async () => (await second.alerts('firing')).length === 1)
  expect(await second.alerts('firing')).toMatchObject([{ ruleId: 'brute-force', count: 5 }])
})

test('an event that was sent twice under one id is counted once', async () => {
  const bench = await openBench()
  bench.writeRules('auth.yaml', bruteForce)
  const alerter = await bench.start()
  const twice = { ...failure, event: { id: 'the-same' } }
  await bench.send('AMQP', twice, twice, twice, twice, twice, failure)
  const window = await eventually(async () => {
    const { status, body } = await alerter.get('/api/v1/state/brute-force?key=10.0.0.9')
    const { times } = (body as { window?: { times: number[] } }).window ?? { times: [] }
    return status === 200 && times.length === 2 && body
  })
  expect(window).toMatchObject({ rule: 'brute-force', key: ['10.0.0.9'] })
  expect(await alerter.alerts()).toEqual([])
})

test('a second alerter stands by and goes on from the last committed state', async () => {
  const bench = await openBench()
  bench.writeRules('auth.yaml', bruteForce)
  const first = await bench.start()
  await bench.send('AMQP', ...Array.from({ length: 4 }, () => failure))
  await eventually(async () => (await first.get('/api/v1/state/brute-force?key=10.0.0.9')).status === 200)
  const second = await bench.start()
  expect((await second.get('/api/v1/alerts')).status).toBe(503)
  await first.stop()
  await eventually(async () => (await second.get('/api/v1/alerts')).status === 200)
  await bench.send('AMQP', failure)
  await eventually(async () => (await second.alerts('firing')).length === 1)
})

test('a rule file with errors refuses the start with every problem; with a last good version that one runs', async () => {
  const bench = await openBench()
  const broken = `${queueDeleted}  timefame: 5m\n- id: other\n  type: cuont\n`
  bench.writeRules('mq.yaml', broken)
  const refused = await bench.start().catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(ConfigError)
  expect((refused as ConfigError).problems.map(({ path }) => path)).toEqual(['unknown-key', 'type'])
  bench.writeRules('mq.yaml', queueDeleted)
  await (await bench.start()).stop()
  bench.writeRules('mq.yaml', broken)
  const alerter = await bench.start()
  const { body } = await alerter.get('/api/v1/rules')
  expect((body as { files: unknown }).files).toMatchObject([{ isStale: true, rules: 1 }])
  await bench.send('AMQP', deleted('orders'))
  await eventually(async () => (await alerter.alerts('firing')).some(({ ruleId }) => ruleId === 'queue-deleted'))
})

test('a reload takes good files, keeps the last good version of a bad one, and raises an alert about it', async () => {
  const bench = await openBench()
  bench.writeRules('mq.yaml', queueDeleted)
  const alerter = await bench.start()
  bench.writeRules('auth.yaml', bruteForce)
  bench.writeRules('mq.yaml', queueDeleted.replace('type: match', 'type: mtach'))
  await alerter.post('/api/v1/rules/reload')
  const { body } = await alerter.get('/api/v1/rules')
  expect((body as { rules: Array<{ id: string }> }).rules.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['queue-deleted', 'brute-force']),
  )
  const [alert] = await eventually(async () => {
    const firing = await alerter.alerts('firing')
    return firing.length > 0 && firing
  })
  expect(alert).toMatchObject({
    ruleId: 'thump-rules-rejected',
    key: { 'thump.rules.file': `${bench.dir}/rules/mq.yaml` },
  })
  bench.writeRules('mq.yaml', queueDeleted)
  await alerter.value.reload()
  await eventually(async () => (await alerter.alerts('firing')).length === 0)
})

test('the overrides file tunes a running rule: a bound keeps what was counted, a rule that is off closes and forgets', async () => {
  const bench = await openBench()
  bench.writeRules('auth.yaml', bruteForce)
  const overrides = join(bench.dir, 'overrides.yaml')
  writeFileSync(overrides, '')
  const alerter = await bench.start({ alerting: { overrides } })
  const tune = async (text: string) => {
    writeFileSync(overrides, text)
    await alerter.post('/api/v1/rules/reload')
  }
  const counted = async () => {
    const { body } = await alerter.get('/api/v1/state/brute-force?key=10.0.0.9')
    return (body as { window?: { times: number[] } }).window?.times.length
  }
  await tune('brute-force: {count: {gte: 6}, severity: high, owner: security}\n')
  await bench.send('AMQP', ...Array.from({ length: 5 }, () => failure))
  await eventually(async () => (await counted()) === 5)
  expect(await alerter.alerts()).toEqual([])
  await tune('brute-force: {count: {gte: 6}, severity: critical}\n')
  await bench.send('AMQP', failure)
  await eventually(async () => (await alerter.alerts('firing')).length === 1)
  expect(await alerter.alerts('firing')).toMatchObject([{ ruleId: 'brute-force', count: 6, severity: 'critical' }])
  await tune('brute-force: {stage: off}\n')
  await eventually(async () => (await alerter.alerts('firing')).length === 0)
  expect((await alerter.get('/api/v1/state/brute-force?key=10.0.0.9')).body).toEqual({
    error: 'no rule "brute-force" runs',
  })
  await tune('')
  expect(await counted(), 'begun anew').toBeUndefined()
})
