import { describe, expect, test } from 'vitest'
import { noticeJson } from '../../../../alerting/notify/alert-json.ts'
import type { Wording } from '../../../../alerting/notify/channel.ts'
import { alertmanagerAlerts } from '../../../../alerting/notify/channels/alertmanager.ts'
import { discordMessage } from '../../../../alerting/notify/channels/discord.ts'
import { mailText } from '../../../../alerting/notify/channels/email-body.ts'
import { pagerDutyEvent } from '../../../../alerting/notify/channels/pagerduty.ts'
import { slackMessage } from '../../../../alerting/notify/channels/slack-blocks.ts'
import { teamsMessage } from '../../../../alerting/notify/channels/teams.ts'
import { telegramText } from '../../../../alerting/notify/channels/telegram.ts'
import { tellStory } from '../../../../alerting/notify/facts.ts'
import type { Notice } from '../../../../alerting/notify/notice.ts'
import { storyText } from '../../../../alerting/notify/story-text.ts'
import { spanOf, zonedTime } from '../../../../alerting/notify/times.ts'
import { linkOf } from '../../../../alerting/notify/links.ts'
import { relatedQueryText } from '../../../../alerting/notify/related-query.ts'
import { whoDidIt } from '../../../../alerting/notify/who.ts'
import type { AlertRecord } from '../../../../alerting/transition.ts'
import type { ThumpEvent } from '../../../../event/event.ts'

const wording: Wording = { timezone: 'Asia/Seoul', publicUrl: 'https://thump.example.com' }
const atMs = Date.UTC(2026, 10, 24, 6, 4, 5)

const deletion: ThumpEvent = {
  '@timestamp': '2026-11-24T06:04:05.000Z',
  event: { id: 'e1', dataset: 'rabbitmq.event', action: 'queue.deleted' },
  message: 'queue orders in / deleted by app',
  service: { type: 'rabbitmq', node: { name: 'rabbit@mq1' } },
  agent: { id: 'a', version: '0' },
  user: { name: 'app' },
  source: { ip: '10.0.0.7' },
  client: { name: 'order-service' },
  rabbitmq: { vhost: '/', queue: 'orders', attribution: 'amqp' },
  amqp: { operation: 'queue.delete', body: { bytes: 3, content: 'a secret body' } },
}

function alertOf(fields: Partial<AlertRecord> = {}): AlertRecord {
  return {
    id: 'alert-1',
    ruleId: 'queue-deleted',
    key: { 'rabbitmq.queue': 'orders' },
    state: 'firing',
    severity: 'critical',
    owner: 'mq-team',
    labels: {},
    summary: 'queue orders deleted by app',
    runbook: 'https://wiki.example.com/queue-deleted',
    count: 3,
    firstSeenMs: atMs,
    lastSeenMs: atMs + 60_000,
    samples: [deletion],
    stage: 'live',
    ...fields,
  }
}

function noticeOf(fields: Partial<AlertRecord> = {}, more: Partial<Notice> = {}): Notice {
  return { id: 'n1', kind: 'firing', alerts: [alertOf(fields)], ...more }
}

test('the message says what, where, who, since when, how often, and what to do', () => {
  expect(storyText(tellStory(noticeOf(), wording))).toBe(
    [
      'CRITICAL queue orders deleted by app',
      '',
      'queue:     orders',
      'vhost:     /',
      'node:      rabbit@mq1',
      'who:       app from 10.0.0.7 (order-service)',
      'way:       over an AMQP connection',
      'since:     2026-11-24 15:04:05 GMT+9',
      'last seen: 2026-11-24 15:05:05 GMT+9, 1m later',
      'count:     3',
      'rule:      queue-deleted',
      'severity:  critical',
      'owner:     mq-team',
      '',
      '  2026-11-24 15:04:05 GMT+9 queue orders in / deleted by app',
      '',
      'Runbook: https://wiki.example.com/queue-deleted',
      '',
      'https://thump.example.com/alerts/alert-1?query=rabbitmq.queue%3A+%22orders%22+and+rabbitmq.vhost%3A+%22%2F%22&from=2026-11-24T05%3A49%3A05.000Z&to=2026-11-24T06%3A20%3A05.000Z',
      '',
    ].join('\n'),
  )
})

test('an end says when, and after how long', () => {
  const story = tellStory(noticeOf({ state: 'resolved', resolvedAtMs: atMs + 3_900_000 }), wording)
  expect(story.title).toBe('RESOLVED queue orders deleted by app')
  expect(story.facts).toContainEqual({ name: 'resolved', value: '2026-11-24 16:09:05 GMT+9, after 1h 5m' })
})

test.each([
  [0, '0s'],
  [59_400, '59s'],
  [3_600_000, '1h'],
  [90_061_000, '1d 1h'],
])('%i ms is %s', (ms, text) => expect(spanOf(ms)).toBe(text))

test('times are shown in the configured zone, over its summer time', () => {
  expect(zonedTime(Date.UTC(2026, 6, 1, 0, 0, 0), 'Europe/Berlin')).toBe('2026-07-01 02:00:00 GMT+2')
  expect(zonedTime(Date.UTC(2026, 11, 1, 23, 30, 0), 'Europe/Berlin')).toBe('2026-12-02 00:30:00 GMT+1')
})

describe('text that the broker’s clients choose', () => {
  const evil =
    '<!channel> <@U123> <script>alert(1)</script> @everyone @here [x](javascript:1) *b* `c` ```\r\nBcc: x@example.com\u001b[31mred\u0000\u202egnp {{ 7 | times: 7 }} 주문'
  const hostile = noticeOf({
    summary: evil,
    key: { 'rabbitmq.queue': evil },
    description: evil,
    samples: [{ ...deletion, message: evil, user: { name: evil }, rabbitmq: { queue: evil, vhost: evil } }],
  })
  const media: ReadonlyArray<readonly [string, string]> = [
    ['slack', JSON.stringify(slackMessage(hostile, wording))],
    ['email', JSON.stringify(mailText(hostile, wording))],
    ['teams', JSON.stringify(teamsMessage(hostile, wording))],
    ['discord', JSON.stringify(discordMessage(hostile, wording))],
    ['telegram', telegramText(hostile, wording)],
    ['pagerduty', JSON.stringify(pagerDutyEvent(hostile, wording, 'key'))],
    ['kakaowork', storyText(tellStory(hostile, wording))],
    ['alertmanager', JSON.stringify(alertmanagerAlerts(hostile, { timezone: 'UTC' }, atMs))],
  ]

  test.each(media)('%s: control characters and escape sequences are gone, letters stay', (_, message) => {
    for (const sign of ['\\u001b', '\u001b', '[31m', '\\u0000', '\u202e', '\\r']) expect(message).not.toContain(sign)
    expect(message).toContain('주문')
  })

  test.each(media.filter(([name]) => ['slack', 'teams', 'discord', 'telegram'].includes(name)))(
    '%s: nobody is called',
    (_, message) => {
      expect(message).not.toMatch(/<!channel>|<@U123>|@everyone|@here/u)
    },
  )

  test('a subject is one line, and the page holds no tag of theirs', () => {
    const { subject, html } = mailText(hostile, wording)
    expect(subject).not.toMatch(/[\r\n]/u)
    expect(html).not.toContain('<script')
    expect(html).toContain('&#60;script&#62;')
  })

  test('marks of Telegram’s HTML are balanced and theirs are escaped', () => {
    const text = telegramText(hostile, wording)
    expect(text).not.toContain('<script')
    expect(text.match(/<(b|i|code)>/gu)).toHaveLength(text.match(/<\/(b|i|code)>/gu)?.length ?? -1)
  })

  test('a code block in Slack and Discord does not end early', () => {
    for (const message of [slackMessage(hostile, wording), discordMessage(hostile, wording)]) {
      expect(JSON.stringify(message).match(/(?<!\\)```/gu)).toHaveLength(2)
    }
  })

  test('what stands around an alert, and who may have done it, is as harmless', () => {
    const around = { ...deletion, message: evil, user: { name: evil }, client: { name: evil } }
    const candidates = [{ connection: evil, client: evil }]
    const notice: Notice = {
      ...hostile,
      note: evil,
      context: { related: [around], episodes: 2, deed: { ...around, rabbitmq: { attribution: evil, candidates } } },
    }
    const slack = JSON.stringify(slackMessage(notice, wording, true))
    expect(slack).not.toMatch(/<!channel>|<@U123>|@everyone|@here|\\u001b|\\r/u)
    expect(mailText(notice, wording).html).not.toContain('<script')
    expect(tellStory(notice, { timezone: 'UTC' }).command).toBe('thump alerts show alert-1')
  })

  test('a link is only made of a web address', () => {
    const runbook = 'javascript:alert(1)'
    expect(mailText(noticeOf({ runbook }), wording).html).not.toContain('href="javascript')
    expect(JSON.stringify(slackMessage(noticeOf({ runbook }), wording))).not.toContain('<javascript')
    expect(JSON.stringify(teamsMessage(noticeOf({ runbook }), wording))).not.toContain('"url":"javascript')
  })
})

describe('300 kB of text', () => {
  const long = 'x<&"*주문 '.repeat(30_000)
  const huge = noticeOf({
    summary: long,
    description: long,
    key: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`field.${index}`, long])),
    samples: Array.from({ length: 5 }, () => ({ ...deletion, message: long })),
  })

  test('fits what each medium takes', () => {
    const slack = slackMessage(huge, wording)
    for (const { text } of slack.blocks as ReadonlyArray<{ text?: { text: string } }>) {
      expect(text?.text.length ?? 0).toBeLessThanOrEqual(3000)
    }
    expect(slack.blocks.length).toBeLessThanOrEqual(50)
    expect(JSON.stringify(slack).length).toBeLessThan(40_000)
    expect(Buffer.byteLength(JSON.stringify(teamsMessage(huge, wording)))).toBeLessThan(28_000)
    expect(telegramText(huge, wording).length).toBeLessThanOrEqual(4096)
    const { payload } = pagerDutyEvent(huge, wording, 'key') as { payload: { summary: string } }
    expect(payload.summary.length).toBeLessThanOrEqual(1024)
    const [embed] = (discordMessage(huge, wording) as { embeds: [Record<string, unknown>] }).embeds
    const fields = embed['fields'] as ReadonlyArray<{ name: string; value: string }>
    const total = String(embed['title']).length + String(embed['description']).length
    expect(fields.reduce((sum, { name, value }) => sum + name.length + value.length, total)).toBeLessThanOrEqual(6000)
    expect(mailText(huge, wording).html.length).toBeLessThan(100_000)
  })
})

test('no body leaves by a notification', () => {
  expect(JSON.stringify(noticeJson(noticeOf(), wording))).not.toContain('a secret body')
  expect(noticeJson(noticeOf(), wording)).toMatchObject({ alert: { samples: [{ amqp: { body: { bytes: 3 } } }] } })
})

test('a digest says how much it holds and of which rules', () => {
  const digest = { total: 1200, shown: 1, rules: [{ rule: 'queue-deleted', count: 1200 }], reason: 'they are many' }
  const notice = noticeOf({}, { kind: 'digest', digest })
  expect(tellStory(notice, wording)).toMatchObject({
    title: 'DIGEST 1200 alerts of 1 rule, 1 of them shown',
    facts: [{ name: 'queue-deleted', value: '1200' }],
  })
  expect(noticeJson(notice, wording)).toMatchObject({ digest: { total: 1200, shown: 1 }, alerts: [{ id: 'alert-1' }] })
})

describe('who did it', () => {
  const lines = (fields: Partial<ThumpEvent>) =>
    whoDidIt({ ...deletion, ...fields }).map(({ name, value }) => `${name}: ${value}`)

  test('by which way, as far as it is known, and why not', () => {
    expect(lines({ source: { ip: '::1', port: 5 } })).toEqual([
      'who: app from [::1]:5 (order-service)',
      'way: over an AMQP connection',
    ])
    expect(lines({ rabbitmq: { attribution: 'http-api' }, client: {}, user_agent: { original: 'curl/8' } })).toEqual([
      'who: app from 10.0.0.7 (curl/8)',
      'way: by the HTTP API',
    ])
    const candidates = ['a', 'b', 'c', 'd'].map((connection) => ({ connection }))
    const unknown = { attribution: 'unknown: one of 4 connections', candidates }
    expect(lines({ rabbitmq: unknown, source: {}, client: {} })).toEqual([
      'who: app',
      'way: unknown: one of 4 connections',
      'maybe: a, b, c and 1 more',
    ])
    expect(whoDidIt(undefined)).toEqual([])
  })
})

describe('the link', () => {
  test('is a place of the user’s own where one is configured, with query and times encoded', () => {
    const alertLink = "https://kibana/#/?_g=(from:'{from}')&_a=(query:'{query}')&r={rule}&x={other}"
    expect(linkOf(alertOf({ key: { 'rabbitmq.queue': "o'; (x)&\ud800" } }), { timezone: 'UTC', alertLink })).toBe(
      "https://kibana/#/?_g=(from:'2026-11-24T05%3A49%3A05.000Z')&_a=(query:'rabbitmq.queue%3A%20%22o'%3B%20(x)%26%EF%BF%BD%22%20and%20rabbitmq.vhost%3A%20%22%2F%22')&r=queue-deleted&x={other}",
    )
  })

  test('asks for the connection or the queue, else for the user', () => {
    const samples = [{ ...deletion, rabbitmq: { connection: 'c1', queue: 'q' } }]
    expect(relatedQueryText(alertOf({ key: {}, samples }))).toBe('rabbitmq.connection: "c1" or rabbitmq.queue: "q"')
    expect(relatedQueryText(alertOf({ key: {}, samples: [{ ...deletion, rabbitmq: {} }] }))).toBe('user.name: "app"')
    expect(relatedQueryText(alertOf({ key: {}, samples: [] }))).toBe('')
  })
})

test('what happened around an alert stands between its own events, and how often it came', () => {
  const related = Array.from({ length: 7 }, (_, index) => ({
    ...deletion,
    '@timestamp': new Date(atMs - (7 - index) * 1000).toISOString(),
    event: { ...deletion.event, id: `before-${index}` },
    message: `before ${index}`,
  }))
  const { lines, facts } = tellStory(
    noticeOf({}, { context: { related: [...related, deletion], episodes: 3 } }),
    wording,
  )
  expect(lines.map((line) => line.slice('2026-11-24 15:04:05 GMT+9 '.length))).toEqual([
    'before 3',
    'before 4',
    'before 5',
    'before 6',
    'queue orders in / deleted by app',
  ])
  expect(facts).toContainEqual({ name: 'count', value: '3; the 3rd alert of this within 24 hours' })
})
