import { describe, expect, test } from 'vitest'
import { createAcks } from '../../../alerting/notify/acks.ts'
import { createSilences, parseMatcher } from '../../../alerting/notify/silences.ts'
import { eventually } from '../../servers/eventually.ts'
import { type Alerter, bodyOf, httpReceiver, startAlerter, storyOf } from './harness.ts'
import { alertOf, firing, resolved } from './records.ts'

const minute = 60_000
const hook = (url: string, more: object = {}) => ({ type: 'webhook', url, ...more })
const orders = (fields: Parameters<typeof alertOf>[0] = {}) => alertOf(fields)
const other = (fields: Parameters<typeof alertOf>[0] = {}) => alertOf({ key: { 'rabbitmq.queue': 'other' }, ...fields })

/** Moves the wall clock and lets the notifier see it. */
function passing(clock: { offsetMs: number }, alerter: () => Alerter) {
  return (ms: number) => {
    clock.offsetMs += ms
    alerter().notifier.wake()
  }
}

async function one(channels: (url: string) => object = (url) => ({ channels: { hook: hook(url) } })) {
  const receiver = await httpReceiver()
  const clock = { offsetMs: 0 }
  const alerter = await startAlerter(channels(receiver.url), { clock })
  const are = (states: string) => (count: number) =>
    eventually(
      () => {
        const row = alerter.db.prepare(`SELECT COUNT(*) AS are FROM notify_deliveries WHERE state IN (${states})`).get()
        return (row as { are: number }).are >= count
      },
      { what: `${count} deliveries ${states}` },
    )
  const [settled, waiting] = [are("'done', 'rejected', 'dropped'"), are("'held', 'laned'")]
  return {
    receiver,
    ...alerter,
    pass: passing(clock, () => alerter),
    clock,
    settled,
    waiting,
    now: () => Date.now() + clock.offsetMs,
  }
}

describe('reminders', () => {
  test('an alert that still fires is repeated, counted from the confirmed delivery, until it is acknowledged', async () => {
    const { receiver, decide, pass, db, now, settled, notifier } = await one()
    const alert = orders({ repeatMs: 60 * minute })
    receiver.script({ status: 503 })
    decide(firing(alert))
    await receiver.received(2)
    await settled(1)
    pass(59 * minute)
    pass(2 * minute)
    const requests = await receiver.received(3)
    expect(bodyOf(requests[2]!)).toMatchObject({ reason: 'repeat', alert: { id: alert.id, state: 'firing' } })
    await settled(2)
    expect(notifier.operator.ack(alert.id, { by: 'kim', comment: 'on it' })).toMatchObject({ kind: 'done' })
    pass(120 * minute)
    decide(firing(other()))
    await receiver.received(4)
    expect(storyOf(receiver)).toEqual(['firing orders', 'firing orders', 'repeat firing orders', 'firing other'])
    expect(createAcks(db, now).of(alert.id)).toMatchObject({ by: 'kim', comment: 'on it' })
    expect(
      createAcks(db, now)
        .tellings(alert.id)
        .map(({ kind, state }) => `${kind} ${state}`),
    ).toEqual(['firing done', 'repeat done'])
  })

  test('what nobody acknowledges escalates; what has ended does not', async () => {
    const [first, boss] = [await httpReceiver(), await httpReceiver()]
    const clock = { offsetMs: 0 }
    const alerter = await startAlerter(
      {
        channels: { first: hook(first.url), boss: hook(boss.url) },
        routes: [{ to: ['first'], escalate: [{ after: '15m', to: ['boss'] }] }],
      },
      { clock },
    )
    const [ended, open] = [other(), orders()]
    alerter.decide(firing(ended), resolved(ended), firing(open))
    await first.received(3)
    passing(clock, () => alerter)(16 * minute)
    await boss.received(1)
    alerter.decide(resolved(open))
    await boss.received(2)
    expect(storyOf(boss)).toEqual(['escalation firing orders', 'resolved orders'])
  })

  test('a channel that fails for long hands over to its fallback, and its death is told by the others', async () => {
    const [dead, living] = [await httpReceiver(), await httpReceiver()]
    dead.answer({ status: 503 })
    const clock = { offsetMs: 0 }
    const alerter = await startAlerter(
      {
        channels: { dead: hook(dead.url), living: hook(living.url) },
        routes: [{ to: ['dead'], fallback: { after: '5m', to: ['living'] } }],
      },
      { clock },
    )
    const alert = orders()
    alerter.decide(firing(alert))
    await dead.received(1)
    passing(clock, () => alerter)(6 * minute)
    await living.received(2)
    expect(storyOf(living).toSorted()).toEqual(['fallback firing orders', 'firing undefined'])
    expect(living.requests.map(({ body }) => body).join()).toContain('channel dead does not take notifications')
    dead.answer({})
    await living.received(3)
    expect(bodyOf(living.requests[2]!).alert).toMatchObject({ rule: 'thump-channel-dead', state: 'resolved' })
  })
})

describe('floods', () => {
  test('a storm becomes a few messages and one digest whose total is exact; a critical alert passes it', async () => {
    const { receiver, decide } = await one((url) => ({ channels: { hook: hook(url, { rate: '5/s' }) } }))
    const storm = Array.from({ length: 3000 }, (_, index) => firing(orders({ key: { 'rabbitmq.queue': `q${index}` } })))
    const urgent = orders({ ruleId: 'memory-alarm', severity: 'critical', key: { 'rabbitmq.queue': 'urgent' } })
    decide(...storm, firing(urgent))
    const total = () => receiver.requests.map(bodyOf).reduce((sum, { digest }) => sum + (digest?.total ?? 1), 0)
    await eventually(() => total() >= 3001)
    expect(total()).toBe(3001)
    expect(receiver.requests.length).toBeLessThan(30)
    expect(storyOf(receiver)).toContain('firing urgent')
    const { digest } = bodyOf(receiver.requests.find((request) => bodyOf(request).digest)!)
    expect(digest?.rules[0]).toMatchObject({ rule: 'queue-deleted' })
  })

  test('beyond the hourly cap the rest comes in one digest', async () => {
    const { receiver, decide, pass, waiting } = await one((url) => ({
      channels: { hook: hook(url, { cap: { perHour: 2 } }) },
    }))
    decide(...['a', 'b', 'c', 'd', 'e'].map((queue) => firing(orders({ key: { 'rabbitmq.queue': queue } }))))
    await receiver.received(2)
    await waiting(3)
    pass(20_000)
    await receiver.received(3)
    expect(storyOf(receiver)).toEqual(['firing a', 'firing b', 'digest 3'])
  })

  test('a rule’s digest gathers, waits, and tells an alert that is alone without one', async () => {
    const { receiver, decide, pass, settled, waiting } = await one()
    const digest = { waitMs: 30_000, everyMs: 5 * minute, maxItems: 2 }
    decide(...['a', 'b', 'c'].map((queue) => firing(orders({ digest, key: { 'rabbitmq.queue': queue } }))))
    decide(firing(other()))
    await receiver.received(1)
    await waiting(3)
    pass(31_000)
    await receiver.received(2)
    await settled(4)
    expect(bodyOf(receiver.requests[1]!).digest).toMatchObject({ total: 3, shown: 2 })
    decide(firing(orders({ digest, key: { 'rabbitmq.queue': 'd' } })))
    await waiting(1)
    pass(6 * minute)
    await receiver.received(3)
    expect(storyOf(receiver)).toEqual(['firing other', 'digest 3', 'firing d'])
  })

  test('a route’s group is told together after its wait', async () => {
    const { receiver, decide, pass, waiting } = await one((url) => ({
      channels: { hook: hook(url) },
      routes: [{ to: ['hook'], group: { by: ['vhost'], wait: '10s' } }],
    }))
    const at = (vhost: string, queue: string) =>
      firing(orders({ key: { 'rabbitmq.vhost': vhost, 'rabbitmq.queue': queue } }))
    decide(at('/', 'a'), at('/', 'b'), at('shop', 'c'))
    await waiting(3)
    pass(11_000)
    await receiver.received(2)
    expect(storyOf(receiver).toSorted()).toEqual(['digest 2', 'firing c'])
  })

  test('Slack’s bot shows a group in one message: edited as it changes, news in its thread, over with its last alert', async () => {
    const receiver = await httpReceiver()
    let posted = 0
    receiver.answer(({ path }) => ({
      body: JSON.stringify({ ok: true, channel: 'C1', ts: path.endsWith('postMessage') ? `1.${++posted}` : '1.1' }),
    }))
    const clock = { offsetMs: 0 }
    const bot = { type: 'slack', token: 'xoxb', channel: '#ops', apiUrl: `${receiver.url}/` }
    const alerter = await startAlerter(
      { channels: { bot }, routes: [{ to: ['bot'], group: { by: ['vhost'], wait: '5s', interval: '10s' } }] },
      { clock },
    )
    const of = (queue: string) =>
      orders({ key: { 'rabbitmq.vhost': '/', 'rabbitmq.queue': queue }, summary: `${queue} gone` })
    const [a, b, c, d, e] = [of('a'), of('b'), of('c'), of('d'), of('e')]
    const pass = passing(clock, () => alerter)
    const told = async (count: number) => {
      const laned = alerter.db.prepare("SELECT COUNT(*) AS are FROM notify_deliveries WHERE state = 'laned'")
      await eventually(() => (laned.get() as { are: number }).are > 0)
      pass(11_000)
      await receiver.received(count)
      const open = alerter.db.prepare("SELECT COUNT(*) AS are FROM notify_deliveries WHERE state != 'done'")
      await eventually(() => (open.get() as { are: number }).are === 0)
    }
    alerter.decide(firing(a), firing(b))
    await told(1)
    alerter.decide(firing(c), resolved(a))
    await told(3)
    alerter.decide(resolved(b), resolved(c))
    await told(5)
    alerter.decide(firing(d), firing(e))
    await told(6)
    const calls = receiver.requests.map(({ path, body }) => {
      const { text, ts, thread_ts: thread } = JSON.parse(body) as { text: string; ts?: string; thread_ts?: string }
      return `${path.slice(6)} ${ts ?? thread ?? '-'} ${text.replace(/^\S+ /u, '')}`
    })
    expect(calls).toEqual([
      'postMessage - GROUP of 2 alerts: 2 firing, 0 resolved',
      'update 1.1 GROUP of 3 alerts: 2 firing, 1 resolved',
      'postMessage 1.1 DIGEST 2 alerts of 1 rule',
      'update 1.1 GROUP of 3 alerts: 0 firing, 3 resolved',
      'postMessage 1.1 DIGEST 2 alerts of 1 rule',
      'postMessage - GROUP of 2 alerts: 2 firing, 0 resolved',
    ])
  })

  test('a flapping alert is throttled, and told with the number of its episodes', async () => {
    const { receiver, decide, pass, settled, waiting } = await one()
    const throttle = { firstMs: 10 * minute, doubleUntilMs: 60 * minute }
    const episodes = Array.from({ length: 4 }, () => orders({ throttle }))
    decide(firing(episodes[0]!), resolved(episodes[0]!))
    await receiver.received(2)
    await settled(2)
    for (const episode of episodes.slice(1)) decide(firing(episode))
    await waiting(1)
    pass(11 * minute)
    await receiver.received(3)
    expect(bodyOf(receiver.requests[2]!)).toMatchObject({
      alert: { id: episodes[3]!.id },
      note: '2 earlier episodes were held back by the throttle',
    })
  })
})

describe('what is not to be told', () => {
  test('an inhibited alert waits for its inhibitor’s end, over a restart too', async () => {
    const receiver = await httpReceiver()
    const first = await startAlerter({ channels: { hook: hook(receiver.url) } })
    const inhibitor = orders({ ruleId: 'node-down', inhibits: { rules: ['queue-deleted'], equal: ['rabbitmq.vhost'] } })
    const [target, unrelated] = [orders(), orders({ key: { 'rabbitmq.vhost': 'shop', 'rabbitmq.queue': 'shop' } })]
    first.decide(firing(target), firing(inhibitor), firing(unrelated))
    await receiver.received(2)
    expect(storyOf(receiver).toSorted()).toEqual(['firing orders', 'firing shop'])
    expect(receiver.requests.map((request) => bodyOf(request).alert.rule)).not.toEqual([
      'queue-deleted',
      'queue-deleted',
    ])
    first.decide(resolved(inhibitor))
    await receiver.received(4)
    expect(
      receiver.requests
        .slice(2)
        .map((request) => bodyOf(request).alert.id)
        .toSorted(),
    ).toEqual([inhibitor.id, target.id].toSorted())
  })

  test('a silence holds its alerts until it ends, and what has ended by then is not told', async () => {
    const { receiver, decide, db, now, notifier, settled } = await one()
    const silences = createSilences(db, now)
    const silence = silences.add({
      matchers: [parseMatcher('rule=queue-deleted')!, parseMatcher('rabbitmq.queue=~(orders|gone)')!],
      startsMs: now(),
      endsMs: now() + 60 * minute,
      author: 'kim',
      comment: 'moving queues',
    })
    const gone = orders({ key: { 'rabbitmq.queue': 'gone' } })
    decide(firing(orders()), firing(gone), resolved(gone), firing(other()))
    await receiver.received(1)
    await settled(3)
    expect(storyOf(receiver)).toEqual(['firing other'])
    expect(silences.matching(silence.matchers, 'firing')).toHaveLength(1)
    expect(silences.expire(silence.id)).toBe(true)
    expect(silences.expire(silence.id)).toBe(false)
    notifier.wake()
    await receiver.received(2)
    expect(storyOf(receiver)).toEqual(['firing other', 'firing orders'])
  })

  test('ten minutes before a silence ends that hides something, people hear of it; of one that hides nothing they do not', async () => {
    const { receiver, decide, now, pass, notifier, waiting, db } = await one()
    const silenced = (rule: string) => ({
      matchers: [parseMatcher(`rule=${rule}`)!],
      startsMs: now(),
      endsMs: now() + 60 * minute,
      author: 'kim',
      comment: 'moving queues',
    })
    notifier.operator.addSilence(silenced('queue-deleted'))
    notifier.operator.addSilence(silenced('something-else'))
    decide(firing(orders()))
    await waiting(1)
    pass(45 * minute)
    pass(6 * minute)
    const [notice] = await receiver.received(1)
    expect(bodyOf(notice!).alert).toMatchObject({
      rule: 'thump-silence-ends',
      count: 1,
      summary: expect.stringContaining('the silence of rule=queue-deleted ends at'),
    })
    await eventually(() => db.prepare('SELECT 1 FROM silences WHERE noticed = 0').get() === undefined)
    pass(10 * minute)
    const requests = await receiver.received(2)
    expect(bodyOf(requests[1]!)).toMatchObject({ reason: 'firing', alert: { rule: 'queue-deleted' } })
    expect(receiver.requests).toHaveLength(2)
  })

  test('outside its calendar an alert waits; in quiet hours it is kept, and told afterwards with its end', async () => {
    const at = new Date(Date.now())
    const hour = at.getUTCHours()
    const hours = (from: number, to: number) => ({ start: ((from + 24) % 24) * 60, end: ((to + 24) % 24) * 60 })
    const active = { tz: 'UTC', hours: [hours(hour + 2, hour + 4)] }
    const text = (value: number) => `${String((value + 24) % 24).padStart(2, '0')}:00`
    const { receiver, decide, pass, waiting } = await one((url) => ({
      channels: { hook: hook(url) },
      routes: [
        { match: { rule: 'quiet' }, to: ['hook'], quiet: { hours: `${text(hour)}-${text(hour + 2)}`, tz: 'UTC' } },
        { to: ['hook'] },
      ],
    }))
    const [closed, over] = [orders({ active }), orders({ active, key: { 'rabbitmq.queue': 'over' } })]
    const hushed = orders({ ruleId: 'quiet', key: { 'rabbitmq.queue': 'hushed' } })
    decide(firing(closed), firing(over), resolved(over), firing(hushed), firing(other()))
    await receiver.received(1)
    await waiting(2)
    decide(resolved(hushed))
    expect(storyOf(receiver)).toEqual(['firing other'])
    pass(120 * minute)
    await receiver.received(3)
    expect(storyOf(receiver).slice(1).toSorted()).toEqual(['firing orders', 'resolved hushed'])
  })
})
