import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { typedId } from '../../../alerting/typed-id.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { type Bench, openBench, type Running } from '../alerting/harness.ts'
import { eventually } from '../../servers/eventually.ts'
import { type HttpReceiver, startHttpReceiver } from '../../servers/http-receiver.ts'
import { thump } from '../../servers/run-thump.ts'

const rules = `
rules:
- id: queue-deleted
  topic: AMQP
  type: match
  where: {amqp.operation: queue.delete}
  groupBy: [rabbitmq.vhost, rabbitmq.queue]
  severity: critical
  quiet: 1d
  summary: "queue {{rabbitmq.queue}} deleted by {{user.name}}"
`
const deleted = (queue: string) => ({
  amqp: { operation: 'queue.delete' },
  rabbitmq: { vhost: '/', queue },
  user: { name: 'admin' },
})

interface Duty {
  readonly bench: Bench
  readonly alerter: Running
  readonly receiver: HttpReceiver
  readonly url: string
  /** Sends a deletion and answers the id of its alert, once it is told. */
  readonly fire: (queue: string) => Promise<string>
  readonly call: (method: string, path: string, body?: object) => Promise<{ status: number; body: Answer }>
  /** Own events that were published. */
  readonly history: ThumpEvent[]
}

interface Answer {
  readonly error?: string
  readonly alert: {
    id: string
    state: string
    ack?: { by: string; comment?: string }
    tellings: Array<{ kind: string }>
  }
  readonly silence: { id: string; state: string }
  readonly silences: Array<{ id: string; state: string; author: string }>
  readonly silenced: { total: number; alerts: Array<{ key: Record<string, string> }> }
}

async function onDuty(settings: object = {}): Promise<Duty> {
  const { value: receiver, stop } = await startHttpReceiver()
  onTestFinished(stop)
  const bench = await openBench()
  bench.writeRules('mq.yaml', rules)
  const history: ThumpEvent[] = []
  const consumer = await bench.transport.createConsumer(
    { role: 'reader', topics: ['THUMP'], startAt: 'beginning' },
    {
      records: async ({ records }) =>
        void history.push(...records.map(({ value }) => JSON.parse(value.toString()) as ThumpEvent)),
    },
  )
  onTestFinished(consumer.stop)
  const channels = { hook: { type: 'webhook', url: receiver.url } }
  const alerter = await bench.start({ alerting: { channels, ...settings } })
  const url = `http://127.0.0.1:${alerter.value.port}`
  const call = async (method: string, path: string, body?: object) => {
    const json = { 'content-type': 'application/json' }
    const init = { method, ...(body && { body: JSON.stringify(body), headers: json }) }
    const response = await fetch(`${url}/api/v1/${path}`, init)
    return { status: response.status, body: (await response.json()) as Answer }
  }
  const fire = async (queue: string) => {
    await bench.send('AMQP', deleted(queue))
    return await eventually(async () => {
      const found = (await alerter.alerts('firing')).find(({ key }) => key['rabbitmq.queue'] === queue)
      return found?.id
    })
  }
  return { bench, alerter, receiver, url, fire, call, history }
}

describe('on duty', () => {
  test('an alert is looked at, taken and ended by the API; both are events with the name of who did it', async () => {
    const { fire, call, history, receiver } = await onDuty()
    const id = await fire('orders')
    await receiver.received(1)
    await eventually(async () => (await call('GET', `alerts/${id}`)).body.alert.tellings[0]?.kind === 'firing')
    expect(await call('POST', `alerts/${id}/ack`, { comment: 'on it' })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('by:') },
    })
    const acked = await call('POST', `alerts/${id}/ack`, { by: 'kim', comment: 'on it' })
    expect(acked).toMatchObject({ status: 200, body: { alert: { ack: { by: 'kim', comment: 'on it' } } } })
    const ended = await call('POST', `alerts/${id.slice(0, 8)}/resolve`, { by: 'kim', comment: 'restored' })
    expect(ended).toMatchObject({ status: 200, body: { alert: { state: 'resolved' } } })
    expect((await call('POST', `alerts/${id}/ack`, { by: 'kim' })).status).toBe(409)
    expect((await call('POST', 'alerts/nothing/ack', { by: 'kim' })).status).toBe(404)
    await receiver.received(2)
    expect(JSON.parse(receiver.requests[1]!.body)).toMatchObject({
      reason: 'resolved',
      note: 'ended by kim: restored',
      alert: { id, state: 'resolved' },
    })
    const deeds = () => history.filter(({ user, event }) => user?.name === 'kim' && event.dataset === 'thump.alert')
    await eventually(() => deeds().length === 2)
    expect(deeds().map(({ event }) => event.action)).toEqual(['alert.acked', 'alert.closed'])
    const told = () => history.filter(({ event }) => event.action === 'alert.notified')
    await eventually(() => told().length === 2)
    expect(told()[0]).toMatchObject({ thump: { alert: { id }, notification: { channel: 'hook', kind: 'firing' } } })
  })

  test('an alert that was ended by hand begins anew with the next event', async () => {
    const { bench, alerter, fire, call } = await onDuty()
    const first = await fire('orders')
    await call('POST', `alerts/${first}/resolve`, { by: 'kim' })
    await bench.send('AMQP', deleted('orders'))
    const [second] = await eventually(async () => {
      const firing = await alerter.alerts('firing')
      return firing.length > 0 && firing
    })
    expect(second).toMatchObject({ ruleId: 'queue-deleted', count: 1 })
    expect(second!.id).not.toBe(first)
  })

  test('a silence is tried, made, listed, survives a restart, and is ended; each step is audited', async () => {
    const { bench, alerter, fire, call, history, receiver } = await onDuty()
    await fire('orders')
    await receiver.received(1)
    const request = { matchers: ['rule=queue-deleted', 'rabbitmq.queue=~(orders|gone)'], for: '2h', author: 'kim' }
    const tried = await call('POST', 'silences', { ...request, dryRun: true })
    expect(tried).toMatchObject({ status: 200, body: { silenced: { total: 1 } } })
    expect((await call('GET', 'silences')).body.silences).toEqual([])
    const made = await call('POST', 'silences', { ...request, comment: 'moving' })
    expect(made).toMatchObject({ status: 201, body: { silence: { state: 'active', author: 'kim' } } })
    for (const wrong of [
      { matchers: [] },
      { for: '0s' },
      { matchers: ['queue'] },
      { matchers: ['a=~('] },
      { author: '' },
    ])
      expect((await call('POST', 'silences', { ...request, ...wrong })).status).toBe(400)
    await alerter.stop()
    const next = await bench.start({ alerting: { channels: { hook: { type: 'webhook', url: receiver.url } } } })
    const { body } = await next.get('/api/v1/silences')
    expect(body).toMatchObject({ silences: [{ id: made.body.silence.id, comment: 'moving' }] })
    await bench.send('AMQP', deleted('gone'), deleted('other'))
    await receiver.received(2)
    expect(JSON.parse(receiver.requests[1]!.body)).toMatchObject({ alert: { key: { 'rabbitmq.queue': 'other' } } })
    const gone = await fetch(`http://127.0.0.1:${next.value.port}/api/v1/silences/${made.body.silence.id}?by=lee`, {
      method: 'DELETE',
    })
    expect(gone.status).toBe(200)
    await receiver.received(3)
    expect(JSON.parse(receiver.requests[2]!.body)).toMatchObject({ alert: { key: { 'rabbitmq.queue': 'gone' } } })
    const audited = () => history.filter(({ event }) => event.action?.startsWith('silence.'))
    await eventually(() => audited().length === 2)
    expect(audited()).toMatchObject([
      { event: { dataset: 'thump.audit', action: 'silence.added' }, user: { name: 'kim' } },
      { event: { dataset: 'thump.audit', action: 'silence.expired' }, user: { name: 'lee' } },
    ])
  })

  test('the same by command line', async () => {
    const { fire, url, receiver } = await onDuty()
    const id = typedId(await fire('orders'))
    await receiver.received(1)
    const run = (verb: string, action: string, ...args: string[]) => thump([verb, action, '--url', url, ...args])
    const listed = await run('alerts', 'list')
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining('queue orders deleted by admin') })
    expect(await run('alerts', 'ack', '--by', 'kim', '-c', 'on it', id)).toMatchObject({ code: 0 })
    const shown = await run('alerts', 'show', id)
    expect(shown.stdout).toMatch(/acknowledged: .* by kim: on it/u)
    expect(shown.stdout).toContain('hook: firing done')
    const silenced = await run('silences', 'add', 'rule=queue-deleted', '--for', '1h', '-c', 'test', '--dry-run')
    expect(silenced.stdout).toContain('it would keep 1 firing alert quiet')
    expect(await run('alerts', 'show', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no such alert'),
    })
    const nobody = await thump(['alerts', 'list', '--url', 'http://127.0.0.1:9'])
    expect(nobody).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no alerter answers at http://127.0.0.1:9'),
    })
  })

  test('a channel is tried, and a rule’s message looked at, by command line', async () => {
    const { bench, receiver } = await onDuty()
    const config = `
dataDir: ${bench.dir}
alerting:
  rules: [${bench.dir}/rules/*.yaml]
  channels: {hook: {type: webhook, url: "${receiver.url}"}, gone: {type: webhook, url: "http://127.0.0.1:9"}}
`
    const run = (...args: string[]) => thump(['notify', ...args], { config })
    expect(await run('test', 'hook')).toMatchObject({ code: 0, stdout: 'hook: accepted (HTTP 200)\n' })
    expect(JSON.parse(receiver.requests[0]!.body)).toMatchObject({ reason: 'test' })
    expect(await run('test', 'gone')).toMatchObject({ code: 1, stderr: expect.stringContaining('gone: not accepted') })
    expect((await run('preview', '--rule', 'queue-deleted')).stdout).toContain('CRITICAL queue orders deleted by app')
    expect((await run('preview', '--rule', 'queue-deleted', '--output', 'html')).stdout).toContain('<!doctype html>')
    const blocks = JSON.parse((await run('preview', '--rule', 'queue-deleted', '--output', 'slack')).stdout) as object
    expect(blocks).toMatchObject({ text: expect.stringContaining('queue orders deleted by app') })
  })

  test('a page of another site can do nothing', async () => {
    const { url } = await onDuty()
    const send = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asking = request(`${url}/api/v1/silences`, { method: 'POST', headers }, (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        })
        asking.on('error', reject).end('{}')
      })
    const json = { 'content-type': 'application/json' }
    expect(await send({ ...json, origin: 'http://evil.example' })).toBe(403)
    // A name of theirs that was made to lead to this machine.
    expect(await send({ ...json, origin: 'http://evil.example', host: 'evil.example' })).toBe(403)
    expect(await send({ ...json, origin: url })).toBe(400)
  })
})

describe('the buttons in Slack', () => {
  const secret = 'signing-secret'
  const sign = (timestamp: number, body: string, by = secret) =>
    `v0=${createHmac('sha256', by).update(`v0:${timestamp}:${body}`).digest('hex')}`
  const pressed = (action: string, value: string) =>
    new URLSearchParams({
      payload: JSON.stringify({
        type: 'block_actions',
        user: { id: 'U1', username: 'kim' },
        actions: [{ action_id: action, value }],
      }),
    }).toString()

  test('take an alert, seen in its message, and silence it; only what Slack has signed just now is heard', async () => {
    const { value: slack, stop } = await startHttpReceiver()
    onTestFinished(stop)
    slack.answer({ body: '{"ok":true,"channel":"C1","ts":"1.2"}' })
    const bot = { type: 'slack', token: 'xoxb', channel: '#ops', signingSecret: secret, apiUrl: `${slack.url}/api/` }
    const { fire, url, call } = await onDuty({ channels: { chat: bot } })
    const id = await fire('orders')
    const [posted] = await slack.received(1)
    expect(posted!.body).toContain('"action_id":"thump_ack"')
    const press = async (body: string, { by = secret, ageS = 0 } = {}) => {
      const timestamp = Math.floor(Date.now() / 1000) - ageS
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(timestamp),
        'x-slack-signature': sign(timestamp, body, by),
      }
      return (await fetch(`${url}/api/v1/slack/actions`, { method: 'POST', headers, body })).status
    }
    const ack = pressed('thump_ack', id)
    expect(await press(ack, { by: 'another secret' })).toBe(401)
    expect(await press(ack, { ageS: 600 })).toBe(401)
    expect((await call('GET', `alerts/${id}`)).body.alert.ack).toBeUndefined()
    expect(await press(ack)).toBe(200)
    expect((await call('GET', `alerts/${id}`)).body.alert.ack).toMatchObject({ by: 'kim' })
    const edited = await slack.received(1, undefined, ({ path }) => path === '/api/chat.update')
    expect(edited[0]!.body).toContain('acknowledged by kim')
    expect(edited[0]!.body).not.toContain('thump_ack')
    expect(await press(pressed('thump_silence', id))).toBe(200)
    expect((await call('GET', 'silences')).body.silences).toMatchObject([{ author: 'kim', state: 'active' }])
  })
})

test('what a drained node says waits until it is back', async () => {
  const { bench, alerter, receiver } = await onDuty()
  bench.writeRules(
    'node.yaml',
    `
rules:
- id: connection-lost
  topic: APP
  type: match
  where: {event.code: connection-closed}
  groupBy: service.node.name
`,
  )
  const of = (node: string, code: string) => ({
    event: { code, dataset: 'rabbitmq.log' },
    service: { type: 'rabbitmq', node: { name: node } },
  })
  await alerter.value.reload()
  await bench.send('APP', of('rabbit@a', 'maintenance-started'))
  await bench.send('APP', of('rabbit@a', 'connection-closed'), of('rabbit@b', 'connection-closed'))
  const told = () =>
    receiver.requests.map(({ body }) => {
      const { alert } = JSON.parse(body) as { alert: { rule: string; state: string; key: Record<string, string> } }
      return `${alert.rule} ${alert.state} ${alert.key['service.node.name']}`
    })
  await receiver.received(2)
  expect(told().toSorted()).toEqual(['connection-lost firing rabbit@b', 'thump-maintenance firing rabbit@a'])
  await bench.send('APP', of('rabbit@a', 'maintenance-ended'))
  await receiver.received(4)
  expect(told().slice(2).toSorted()).toEqual(['connection-lost firing rabbit@a', 'thump-maintenance resolved rabbit@a'])
})
