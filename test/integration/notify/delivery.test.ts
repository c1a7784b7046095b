import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import type { EventSearch } from '../../../storage/storage.ts'
import { eventually } from '../../servers/eventually.ts'
import { bodyOf, countOf, httpReceiver, smtpReceiver, startAlerter, storyOf } from './harness.ts'
import { alertOf, firing, resolved } from './records.ts'

const hook = (url: string, more: object = {}) => ({ type: 'webhook', url, ...more })

describe('telling by webhook', () => {
  test('a firing and its end come in order, signed, with the documented body', async () => {
    const receiver = await httpReceiver()
    const { decide, metrics } = await startAlerter({ channels: { hook: hook(receiver.url, { secret: 'hunter2' }) } })
    const alert = alertOf()
    decide(firing(alert), resolved(alert))
    const [first, second] = await receiver.received(2)
    expect(bodyOf(first!)).toMatchObject({
      version: 1,
      alert: {
        id: alert.id,
        rule: 'queue-deleted',
        state: 'firing',
        key: alert.key,
        severity: 'warning',
        count: 1,
        firstSeen: '2026-11-24T06:04:05.000Z',
      },
    })
    expect(bodyOf(second!)).toMatchObject({ reason: 'resolved', alert: { id: alert.id, state: 'resolved' } })
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = first!.headers
    const wanted = createHmac('sha256', 'hunter2')
      .update(`${String(id)}.${String(at)}.${first!.body}`)
      .digest('base64')
    expect(signature).toBe(`v1,${wanted}`)
    await eventually(async () => (await countOf(metrics, 'hook', 'delivered')) === 2)
  })

  test('what is set, cleared and set again stays three messages in order', async () => {
    const receiver = await httpReceiver()
    const { decide } = await startAlerter({ channels: { hook: hook(receiver.url) } })
    const [one, two] = [alertOf(), alertOf()]
    decide(firing(one), resolved(one), firing(two))
    await receiver.received(3)
    expect(receiver.requests.map((request) => [bodyOf(request).alert.id, bodyOf(request).reason])).toEqual([
      [one.id, 'firing'],
      [one.id, 'resolved'],
      [two.id, 'firing'],
    ])
  })

  test('a refusal that passes is tried again with the same id until it is accepted', async () => {
    const receiver = await httpReceiver()
    receiver.script({ status: 500 }, { reset: true }, { status: 429, headers: { 'retry-after': '1' } })
    const { decide } = await startAlerter({ channels: { hook: hook(receiver.url) } })
    decide(firing(alertOf()))
    const requests = await receiver.received(4)
    expect(new Set(requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(requests[3]!.atMs - requests[2]!.atMs).toBeGreaterThanOrEqual(995)
  })

  test('a refusal for good is not hammered, and its end is not told', async () => {
    const receiver = await httpReceiver()
    receiver.script({ status: 400 })
    const { decide, metrics } = await startAlerter({ channels: { hook: hook(receiver.url) } })
    const [refused, next] = [alertOf(), alertOf({ key: { 'rabbitmq.queue': 'other' } })]
    decide(firing(refused), resolved(refused), firing(next))
    await receiver.received(2)
    expect(storyOf(receiver)).toEqual(['firing orders', 'firing other'])
    expect(await countOf(metrics, 'hook', 'rejected')).toBe(1)
  })

  test('an alert that ends before its channel took it is told once, with both times', async () => {
    const receiver = await httpReceiver()
    receiver.script({ status: 503 })
    const { decide } = await startAlerter({ channels: { hook: hook(receiver.url) } })
    const alert = alertOf()
    decide(firing(alert))
    await receiver.received(1)
    decide(resolved(alert))
    const requests = await receiver.received(2)
    expect(bodyOf(requests[1]!)).toMatchObject({
      alert: { state: 'resolved', firstSeen: '2026-11-24T06:04:05.000Z', resolvedAt: '2026-11-24T06:07:05.000Z' },
    })
    await expect(receiver.received(3, 1500)).rejects.toThrow('3 requests')
  })

  test('a channel that hangs delays no other', async () => {
    const [hanging, healthy] = [await httpReceiver(), await httpReceiver()]
    hanging.answer({ delayMs: 1500 })
    const channels = { a: hook(hanging.url), b: hook(healthy.url) }
    const { decide } = await startAlerter({ channels })
    const started = performance.now()
    decide(...Array.from({ length: 5 }, (_, index) => firing(alertOf({ key: { 'rabbitmq.queue': `q${index}` } }))))
    await healthy.received(5)
    expect(performance.now() - started).toBeLessThan(1400)
    expect(hanging.requests.length).toBe(1)
  })

  test('shadow and silent transitions are told to nobody', async () => {
    const receiver = await httpReceiver()
    const { decide } = await startAlerter({ channels: { hook: hook(receiver.url) } })
    const shadow = alertOf({ stage: 'shadow' })
    const quiet = alertOf({ key: { 'rabbitmq.queue': 'quiet' } })
    decide(firing(shadow), resolved(shadow), firing(quiet), resolved(quiet, { isSilent: true }))
    decide(firing(alertOf({ key: { 'rabbitmq.queue': 'last' } })))
    await receiver.received(2)
    expect(storyOf(receiver)).toEqual(['firing quiet', 'firing last'])
  })

  test('events that were old on arrival come in one digest with an exact total', async () => {
    const receiver = await httpReceiver()
    const clock = { offsetMs: 0 }
    const { decide, notifier, db } = await startAlerter({ channels: { hook: hook(receiver.url) } }, { clock })
    const alerts = Array.from({ length: 25 }, (_, index) => alertOf({ key: { 'rabbitmq.queue': `q${index}` } }))
    decide(...alerts.flatMap((alert) => [firing(alert, { isCatchUp: true }), resolved(alert, { isCatchUp: true })]))
    await eventually(
      () => db.prepare("SELECT 1 FROM notify_deliveries WHERE state = 'laned' AND id = 50").get() !== undefined,
    )
    clock.offsetMs += 6000
    notifier.wake()
    await receiver.received(1)
    expect(bodyOf(receiver.requests[0]!).digest).toMatchObject({ total: 25, shown: 10 })
    expect(bodyOf(receiver.requests[0]!).alerts).toHaveLength(10)
  })
})

describe('what is stored around an alert', () => {
  const deletion: ThumpEvent = {
    '@timestamp': '2026-11-24T06:04:05.000Z',
    event: { id: 'deed', dataset: 'rabbitmq.event' },
    message: 'queue orders deleted',
    service: { type: 'rabbitmq' },
    agent: { id: 'a', version: '0' },
    user: { name: 'app' },
    rabbitmq: { vhost: '/', queue: 'orders' },
    amqp: { operation: 'queue.delete' },
  }
  const evidence: ThumpEvent = {
    ...deletion,
    event: { id: 'evidence', dataset: 'rabbitmq.attribution' },
    related: { id: 'deed' },
    source: { ip: '10.0.0.7' },
    rabbitmq: { attribution: 'http-api' },
  }
  const before: ThumpEvent = {
    ...deletion,
    event: { id: 'before', dataset: 'rabbitmq.event' },
    message: 'unbound first',
  }
  const mailTo = (port: number) => ({
    type: 'email',
    smtp: { host: '127.0.0.1', port, tls: 'none' },
    from: 'thump@example.com',
    to: ['a@example.com'],
  })
  const stored = (answer: (query: string) => Promise<readonly ThumpEvent[]>): Pick<EventSearch, 'search'> => ({
    search: async ({ query }) => ({ events: await answer(JSON.stringify(query)) }),
  })

  test('is told with it: what happened before, and what evidence says of who did it', async () => {
    const [receiver, smtp] = [await httpReceiver(), await smtpReceiver()]
    const search = stored(async (query) => (query.includes('"orders"') ? [deletion, before] : [evidence]))
    const channels = { hook: hook(receiver.url), mail: mailTo(smtp.port) }
    const { decide } = await startAlerter({ channels }, { search })
    decide(firing(alertOf({ samples: [deletion] })))
    const [request] = await receiver.received(1)
    expect(JSON.parse(request!.body)).toMatchObject({
      related: [{ event: { id: 'before' } }, { event: { id: 'deed' } }],
      episodes: 1,
    })
    const [mail] = await smtp.received(1)
    expect(mail!.raw).toMatch(/who:\s+app from 10\.0\.0\.7/u)
    expect(mail!.raw).toMatch(/way:\s+by the HTTP API/u)
    expect(mail!.raw).toContain('unbound first')
  })

  test.each([
    ['broken', () => Promise.reject(new Error('the index is gone'))],
    ['hanging', () => new Promise<never>(() => {})],
  ] as const)('a %s store holds no message up', async (_, answer) => {
    const receiver = await httpReceiver()
    const { decide } = await startAlerter({ channels: { hook: hook(receiver.url) } }, { search: stored(answer) })
    decide(
      firing(alertOf({ samples: [deletion] })),
      firing(alertOf({ key: { 'rabbitmq.queue': 'b' }, samples: [deletion] })),
    )
    const requests = await receiver.received(2)
    expect(JSON.parse(requests[1]!.body)).toMatchObject({ related: [] })
    // The second one did not wait for the same store again.
    expect(requests[1]!.atMs - requests[0]!.atMs).toBeLessThan(5000)
  })
})

describe('a restart', () => {
  test('forgets nothing that was not delivered and repeats nothing that was', async () => {
    const receiver = await httpReceiver()
    const dir = mkdtempSync(join(tmpdir(), 'thump-notify-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const path = join(dir, 'alerting.db')
    const first = await startAlerter({ channels: { hook: hook(receiver.url) } }, { path })
    const [told, waiting] = [alertOf(), alertOf({ key: { 'rabbitmq.queue': 'waiting' } })]
    first.decide(firing(told))
    await receiver.received(1)
    receiver.answer({ status: 503 })
    first.decide(firing(waiting))
    await receiver.received(2)
    const second = await first.restart()
    receiver.answer({})
    second.decide(resolved(told))
    await receiver.received(4, 15_000)
    const accepted = storyOf(receiver).slice(2)
    expect(accepted.toSorted()).toEqual(['firing waiting', 'resolved orders'].toSorted())
  })
})

describe('telling by Slack and mail', () => {
  test('both get what happened; hostile text stays text', async () => {
    const slack = await httpReceiver()
    const smtp = await smtpReceiver()
    const { decide } = await startAlerter({
      channels: {
        chat: { type: 'slack', webhookUrl: slack.url },
        mail: {
          type: 'email',
          smtp: { host: '127.0.0.1', port: smtp.port, tls: 'none' },
          from: 'Thump <thump@example.com>',
          to: ['ops@example.com', '관리자@example.com'],
        },
      },
    })
    const summary = 'queue <!channel> "a\r\nBcc: evil@example.com" & \u001b[31mred <b>bold</b> 주문'
    decide(firing(alertOf({ summary, severity: 'critical' })))
    const [posted] = await slack.received(1)
    const message = JSON.parse(posted!.body) as { text: string; blocks: unknown[] }
    expect(message.text).toContain('queue &lt;!channel&gt; "a Bcc: evil@example.com" &amp; red')
    expect(JSON.stringify(message.blocks)).not.toContain('<!channel>')
    const [mail] = await smtp.received(1)
    expect(mail!.to).toHaveLength(2)
    expect(mail!.raw).not.toMatch(/^Bcc:/mu)
    expect(mail!.raw).toMatch(/^Message-ID:\s+<thump_.*@example\.com>/mu)
    expect(mail!.raw).toMatch(/^References:\s+<thump-/mu)
    expect(mail!.raw).toMatch(/^Content-Type: multipart\/alternative/mu)
  })

  test('a mail refused for now comes later; recipients that have it do not get it twice', async () => {
    const smtp = await smtpReceiver()
    smtp.refuseRecipient('later@example.com', 451)
    const { decide } = await startAlerter({
      channels: {
        mail: {
          type: 'email',
          smtp: { host: '127.0.0.1', port: smtp.port, tls: 'none' },
          from: 'thump@example.com',
          to: ['now@example.com', 'later@example.com'],
        },
      },
    })
    decide(firing(alertOf()))
    await smtp.received(1)
    expect(smtp.mails[0]!.to).toEqual(['now@example.com'])
  })
})
