import { describe, expect, test } from 'vitest'
import { retryAfterMs } from '../../../../alerting/notify/http.ts'
import { equalValues, isSame } from '../../../../alerting/notify/inhibition.ts'
import { limitsOf } from '../../../../alerting/notify/limits.ts'
import { quietUntil } from '../../../../alerting/notify/quiet-hours.ts'
import { destinationsOf } from '../../../../alerting/notify/route.ts'
import { matchesAll, parseMatcher } from '../../../../alerting/notify/silences.ts'
import { afterTelling, throttledUntil, type ThrottleState } from '../../../../alerting/notify/throttle.ts'
import { TokenBucket } from '../../../../alerting/notify/token-bucket.ts'
import { signatureHeaders, signingKeys } from '../../../../alerting/notify/channels/webhook.ts'
import type { AlertRecord } from '../../../../alerting/transition.ts'
import { channelSchema, routeSchema } from '../../../../runtime/config/schema-alerting.ts'
import { Secret } from '../../../../runtime/config/secret.ts'

function alertOf(fields: Partial<AlertRecord> = {}): AlertRecord {
  const counts = { count: 1, firstSeenMs: 0, lastSeenMs: 0, samples: [], stage: 'live' as const }
  const key = { 'rabbitmq.vhost': '/', 'rabbitmq.queue': 'order.new' }
  return {
    id: 'a',
    ruleId: 'r',
    key,
    state: 'firing',
    severity: 'high',
    labels: { team: 'shop' },
    summary: '',
    ...counts,
    ...fields,
  }
}

describe('a route', () => {
  const routes = [
    { match: { severity: 'critical' }, to: ['pager', 'chat'] },
    { match: { labels: { team: ['shop', 'pay'] } }, to: ['shop'], continue: true },
    { match: { vhost: '/', rule: 'r*' }, to: ['chat', 'shop'] },
    { match: { node: 'rabbit@mq1' }, to: ['node'] },
  ].map((route) => routeSchema.parse(route))

  test.each([
    ['the first that matches', { severity: 'critical' as const }, 'pager chat'],
    ['the next as well, where it says so, each channel once', {}, 'shop chat'],
    ['none: the defaults of the rule file', { ruleId: 'x', labels: {}, notifyDefault: ['mail'] }, 'mail'],
    ['a rule that names its channels: no route', { severity: 'critical' as const, notify: ['mail'] }, 'mail'],
    ['a missing field matches nothing', { ruleId: 'x', labels: {} }, ''],
  ])('%s', (_, fields, expected) => {
    expect(
      destinationsOf(alertOf(fields), routes)
        .map(({ channel }) => channel)
        .join(' '),
    ).toBe(expected)
  })
})

describe('a matcher', () => {
  test.each([
    ['rule=r', true],
    ['severity!=critical', true],
    ['queue=~order\\..*', true],
    ['queue=~order', false],
    ['rabbitmq.queue!~order\\..*', false],
    ['label.team = shop', true],
    ['owner=', true],
    ['owner=x', false],
  ])('%s: %s', (text, expected) => {
    expect(matchesAll(alertOf(), [parseMatcher(text)!])).toBe(expected)
  })

  test('that is none is refused', () => expect(parseMatcher('queue')).toBeUndefined())
})

test('an inhibitor’s values: missing equals nothing, not even missing', () => {
  const values = equalValues(alertOf(), ['rabbitmq.vhost'])
  expect(isSame(alertOf({ id: 'b' }), values)).toBe(true)
  expect(isSame(alertOf({ key: { 'rabbitmq.vhost': 'shop' } }), values)).toBe(false)
  expect(isSame(alertOf(), equalValues(alertOf(), ['service.node.name']))).toBe(false)
})

describe('a throttle', () => {
  test('doubles with each episode told, up to its limit, and starts anew after twice the wait', () => {
    const throttle = { firstMs: 10, doubleUntilMs: 35 }
    const waits: number[] = []
    let state: ThrottleState | undefined
    for (const nowMs of [0, 10, 30, 65, 135]) {
      state = afterTelling(throttle, state, nowMs)
      waits.push(state.waitMs)
    }
    expect(waits).toEqual([10, 20, 35, 35, 10])
  })

  test('holds until its wait has passed, and a clock that was set back does not hold longer', () => {
    const state = { lastMs: 100, waitMs: 10 }
    expect([105, 110, 99].map((nowMs) => throttledUntil(state, nowMs))).toEqual([110, undefined, undefined])
  })
})

describe('a rate', () => {
  test('lets its burst through at once, then one by one', () => {
    const bucket = new TokenBucket({ count: 2, perMs: 1000 }, 2, 0)
    bucket.take(0)
    bucket.take(0)
    expect([bucket.waitMs(0), bucket.waitMs(250), bucket.waitMs(500)]).toEqual([500, 250, 0])
  })

  test('of the configuration replaces the medium’s own', () => {
    const url = 'http://127.0.0.1/'
    expect(limitsOf(channelSchema.parse({ type: 'webhook', url, rate: '60/m', cap: { perHour: 9 } }))).toEqual({
      rate: { count: 60, perMs: 60_000 },
      burst: 60,
      backlog: 60,
      perHour: 9,
    })
  })
})

test('quiet hours end where their range ends, past midnight too', () => {
  const quiet = { hours: '22:00-07:00' }
  const at = (text: string) => Date.parse(`2026-01-05T${text}:00+09:00`)
  expect(quietUntil(quiet, 'Asia/Seoul', at('23:10'))).toBe(at('23:10') + (7 * 60 + 50) * 60_000)
  expect(quietUntil(quiet, 'Asia/Seoul', at('12:00'))).toBeUndefined()
})

test.each([
  ['5', 5000],
  ['0', 0],
  ['Tue, 24 Nov 2026 00:00:09 GMT', 9000],
  ['99999999', 3_600_000],
  ['soon', undefined],
  ['', undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(retryAfterMs(header, Date.UTC(2026, 10, 24))).toBe(ms)
})

test('a webhook is signed as Standard Webhooks say, with every key while they rotate', () => {
  // The example of the specification's reference implementation.
  const keys = signingKeys(new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw other'))
  const body = '{"test": 2432232314}'
  const headers = signatureHeaders(keys, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body)
  expect(headers['webhook-signature']).toMatch(/^v1,g0hM9SsE\+OTPJTGt\/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,/u)
})
