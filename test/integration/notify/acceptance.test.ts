import { describe, expect, test } from 'vitest'
import type { AlertRecord } from '../../../alerting/transition.ts'
import { alertOf, firing, resolved } from './records.ts'
import { play, type Step, type Want } from './timeline.ts'

const minute = 60_000
const on = (queue: string, fields: Partial<AlertRecord> = {}) =>
  alertOf({ id: `alert-${queue}-${count++}`, key: { 'rabbitmq.vhost': '/', 'rabbitmq.queue': queue }, ...fields })
const at = (vhost: string, queue: string) =>
  firing(on(queue, { key: { 'rabbitmq.vhost': vhost, 'rabbitmq.queue': queue } }))
let count = 0
const hook = (url: string | undefined, more: object = {}) => ({ type: 'webhook', url, ...more })
const one = (urls: Readonly<Record<string, string>>) => ({ channels: { hook: hook(urls['hook']) } })

describe('a timeline', () => {
  test('of one alert: told at once, its end at once', async () => {
    const a = on('a')
    await play({
      receivers: ['hook'],
      config: one,
      steps: [
        { at: '0s', push: [firing(a)] },
        { at: '90s', push: [resolved(a)] },
      ],
      until: '120s',
      want: [
        ['hook', 'firing a', '0s', '0s'],
        ['hook', 'resolved a', '90s', '90s'],
      ],
    })
  })

  test('of a group: the first after its wait, more not before the interval, another group on its own', async () => {
    await play({
      receivers: ['hook'],
      config: (urls) => ({
        ...one(urls),
        routes: [{ to: ['hook'], group: { by: ['vhost'], wait: '10s', interval: '5m' } }],
      }),
      steps: [
        { at: '0s', push: [at('/', 'a')] },
        { at: '4s', push: [at('shop', 'b')] },
        { at: '8s', push: [at('/', 'c')] },
        { at: '60s', push: [at('/', 'd'), at('/', 'e')] },
        { at: '100s', push: [at('/', 'f')] },
        { at: '15m', push: [at('/', 'g')] },
      ],
      until: '16m',
      want: [
        ['hook', 'digest 2', '10s', '11s'],
        ['hook', 'firing b', '14s', '15s'],
        ['hook', 'digest 3', '310s', '311s'],
        ['hook', 'firing g', '910s', '911s'],
      ],
    })
  })

  test('of a reminder: counted from the delivery that was confirmed, until somebody has taken it', async () => {
    const a = on('a', { repeatMs: 10 * minute })
    const sent = await play({
      receivers: ['hook'],
      config: one,
      steps: [
        { at: '0s', answer: ['hook', { status: 503 }] },
        { at: '0s', push: [firing(a)] },
        { at: '3m', answer: ['hook', {}] },
        { at: '25m', ack: a.id },
      ],
      until: '60m',
      every: '5s',
      want: [
        ['hook', 'firing a', '3m', '5m'],
        ['hook', 'repeat firing a', '13m', '15m'],
        ['hook', 'repeat firing a', '23m', '25m'],
      ],
    })
    const [first, second] = sent.filter(({ status }) => status === 200)
    expect(second!.atMs - first!.atMs).toBe(10 * minute)
  })

  test('of an alert that comes and goes: the throttle doubles, and starts anew after a calm', async () => {
    const throttle = { firstMs: 10 * minute, doubleUntilMs: 40 * minute }
    const flap = (minutes: number): Step => ({
      at: `${minutes}m`,
      push: ((a) => [firing(a), resolved(a, { isSilent: true })])(on('a', { throttle })),
    })
    const flaps = Array.from({ length: 50 }, (_, index) => flap(index * 2))
    await play({
      receivers: ['hook'],
      config: one,
      steps: [...flaps, flap(250)],
      until: '260m',
      every: '60s',
      want: [
        ['hook', 'firing a', '0m', '0m'],
        ['hook', 'firing a', '10m', '11m'],
        ['hook', 'firing a', '30m', '31m'],
        ['hook', 'firing a', '70m', '71m'],
        ['hook', 'firing a', '110m', '111m'],
        ['hook', 'firing a', '250m', '250m'],
      ],
    })
  })

  test('of a medium that says when to come again: not asked before, asked then', async () => {
    const sent = await play({
      receivers: ['hook'],
      config: one,
      steps: [
        { at: '0s', script: ['hook', { status: 429, headers: { 'retry-after': '120' } }] },
        { at: '0s', push: [firing(on('a'))] },
        { at: '20s', push: [firing(on('b'))] },
      ],
      until: '180s',
      want: [
        ['hook', 'firing a', '120s', '121s'],
        ['hook', 'firing b', '120s', '121s'],
      ],
    })
    expect(sent.filter(({ atMs }) => atMs < 120_000)).toHaveLength(1)
  })

  test.each([
    ['answers 500', { status: 500 }, '10s', 600],
    ['answers 503', { status: 503 }, '10s', 600],
    ['breaks connections off', { reset: true }, '10s', 600],
    ['never answers', { hang: true }, '700ms', 40],
  ] as const)('of a medium that %s for a while: asked more and more seldom, then told once', async (...row) => {
    const [, answer, timeout, seconds] = row
    const a = on('a')
    const sent = await play({
      receivers: ['hook'],
      config: (urls) => ({ channels: { hook: hook(urls['hook'], { timeout }) } }),
      steps: [
        { at: '0s', answer: ['hook', answer] },
        { at: '0s', push: [firing(a)] },
        { at: `${seconds}s`, answer: ['hook', {}] },
        { at: `${seconds + 150}s`, push: [resolved(a)] },
      ],
      until: `${seconds + 160}s`,
      every: '2s',
      want: [
        ['hook', 'firing a', `${seconds}s`, `${seconds + 90}s`],
        ['hook', 'resolved a', `${seconds + 150}s`, `${seconds + 152}s`],
      ],
    })
    const tried = sent.filter(({ status }) => status !== 200)
    expect(tried.length).toBeGreaterThan(3)
    expect(tried.length).toBeLessThan(60)
  })

  test('of one dead channel: the other is told all at once, of its death after five minutes, and of its recovery', async () => {
    const [a, b] = [on('a'), on('b')]
    await play({
      receivers: ['dead', 'live'],
      config: (urls) => ({ channels: { dead: hook(urls['dead']), live: hook(urls['live']) } }),
      steps: [
        { at: '0s', answer: ['dead', { status: 502 }] },
        { at: '0s', push: [firing(a)] },
        { at: '2m', push: [firing(b)] },
        { at: '8m', answer: ['dead', {}] },
      ],
      until: '12m',
      every: '5s',
      want: [
        ['live', 'firing a', '0s', '0s'],
        ['live', 'firing b', '2m', '2m'],
        ['live', 'firing dead', '5m', '6m'],
        ['dead', 'firing a', '8m', '9m'],
        ['dead', 'firing b', '8m', '9m'],
        ['live', 'resolved dead', '8m', '9m'],
      ],
    })
  })

  test('of nobody who answers: escalated on time, once', async () => {
    const [a, b] = [on('a'), on('b')]
    await play({
      receivers: ['hook', 'boss'],
      config: (urls) => ({
        channels: { hook: hook(urls['hook']), boss: hook(urls['boss']) },
        routes: [{ to: ['hook'], escalate: [{ after: '15m', to: ['boss'] }] }],
      }),
      steps: [
        { at: '0s', push: [firing(a), firing(b)] },
        { at: '10m', ack: b.id },
      ],
      until: '60m',
      every: '30s',
      want: [
        ['hook', 'firing a', '0s', '0s'],
        ['hook', 'firing b', '0s', '0s'],
        ['boss', 'escalation firing a', '15m', '16m'],
      ],
    })
  })
})

describe('clocks that are set', () => {
  const routes = [{ to: ['hook'], group: { by: ['vhost'], wait: '30s', interval: '5m' } }]

  test.each(['1h', '-1h', '30d', '-30d'])(
    'by %s in the midst: what is new is told at once, what gathers comes',
    async (by) => {
      const throttle = { firstMs: 10 * minute, doubleUntilMs: 40 * minute }
      await play({
        receivers: ['hook', 'group'],
        config: (urls) => ({
          channels: { hook: hook(urls['hook']), group: hook(urls['group']) },
          routes: [{ match: { rule: 'gathers' }, ...routes[0], to: ['group'] }, { to: ['hook'] }],
        }),
        steps: [
          { at: '0s', push: [firing(on('a', { throttle }))] },
          { at: '10s', push: [firing(on('b', { ruleId: 'gathers' })), firing(on('c', { ruleId: 'gathers' }))] },
          { at: '20s', clockBy: by },
          { at: '30s', push: [firing(on('d'))] },
          { at: '31m', push: [firing(on('a', { throttle }))] },
        ],
        until: '45m',
        every: '10s',
        want: [
          ['hook', 'firing a', '0s', '0s'],
          ['group', 'digest 2', '20s', '50s'],
          ['hook', 'firing d', '30s', '30s'],
          ['hook', 'firing a', '31m', '42m'],
        ],
      })
    },
  )

  test('back by an hour: an escalation comes when it was to come', async () => {
    await play({
      receivers: ['hook', 'boss'],
      config: (urls) => ({
        channels: { hook: hook(urls['hook']), boss: hook(urls['boss']) },
        routes: [{ to: ['hook'], escalate: [{ after: '15m', to: ['boss'] }] }],
      }),
      steps: [
        { at: '0s', push: [firing(on('a'))] },
        { at: '5m', clockBy: '-1h' },
      ],
      until: '20m',
      every: '10s',
      want: [
        ['hook', 'firing a', '0s', '0s'],
        ['boss', 'escalation firing a', '15m', '16m'],
      ],
    })
  })

  test('back by an hour: a reminder comes when it was to come', async () => {
    await play({
      receivers: ['hook'],
      config: one,
      steps: [
        { at: '0s', push: [firing(on('a', { repeatMs: 10 * minute }))] },
        { at: '5m', clockBy: '-1h' },
      ],
      until: '22m',
      every: '10s',
      want: [
        ['hook', 'firing a', '0s', '0s'],
        ['hook', 'repeat firing a', '10m', '11m'],
        ['hook', 'repeat firing a', '20m', '21m'],
      ],
    })
  })
})

describe('a restart', () => {
  const story = () => {
    const [a, b, c, d] = [on('a'), on('b'), on('c', { repeatMs: 5 * minute }), on('d')]
    const steps: Step[] = [
      { at: '10s', push: [firing(a)] },
      { at: '20s', push: [firing(b), firing(c)] },
      { at: '30s', answer: ['hook', { status: 503 }] },
      { at: '40s', push: [resolved(a), firing(d)] },
      { at: '60s', push: [resolved(d)] },
      { at: '80s', answer: ['hook', {}] },
    ]
    const want: Want[] = [
      ['hook', 'firing a', '10s', '11s'],
      ['hook', 'firing b', '20s', '21s'],
      ['hook', 'firing c', '20s', '21s'],
      ['hook', 'resolved a', '80s', '180s'],
      ['hook', 'resolved d', '80s', '180s'],
      ['hook', 'repeat firing c', '320s', '330s'],
    ]
    return { steps, want }
  }

  test.each(['5s', '10s', '15s', '20s', '25s', '35s', '40s', '45s', '60s', '70s', '80s', '90s', '300s', '320s'])(
    'at %s changes nothing of what is told',
    async (restartAt) => {
      const { steps, want } = story()
      const restart = { at: restartAt, restart: true } as const
      await play({ receivers: ['hook'], config: one, steps: [...steps, restart], until: '340s', want })
    },
  )
})
