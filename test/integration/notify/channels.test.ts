import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Answer, Attempt } from '../../../alerting/notify/channel.ts'
import type { Notice } from '../../../alerting/notify/notice.ts'
import { openChannel } from '../../../alerting/notify/open-channel.ts'
import { channelSchema } from '../../../runtime/config/schema-alerting.ts'
import { makeCertificates } from '../../servers/certificates.ts'
import { type Answer as Scripted, startHttpReceiver } from '../../servers/http-receiver.ts'
import { httpReceiver, smtpReceiver } from './harness.ts'
import { alertOf } from './records.ts'

const wording = { timezone: 'Asia/Seoul', publicUrl: 'https://thump.example.com/' }
const notice: Notice = { id: 'thump_1_firing_1', kind: 'firing', alerts: [alertOf({ id: 'alert-1' })] }

function open(config: object) {
  const channel = openChannel('tested', channelSchema.parse(config), wording)
  onTestFinished(() => channel.close())
  return {
    send: (told: Notice = notice, more: Partial<Attempt> = {}) =>
      channel.send(told, { signal: AbortSignal.timeout(20_000), nowMs: Date.now(), ...more }),
  }
}

const media: ReadonlyArray<readonly [string, (url: string) => object, Scripted]> = [
  ['webhook', (url) => ({ type: 'webhook', url }), { status: 204 }],
  ['slack', (webhookUrl) => ({ type: 'slack', webhookUrl }), { body: 'ok' }],
  [
    'slack bot',
    (url) => ({ type: 'slack', token: 'xoxb', channel: '#ops', apiUrl: `${url}/api/` }),
    { body: '{"ok":true,"channel":"C1","ts":"1.2"}' },
  ],
  ['pagerduty', (url) => ({ type: 'pagerduty', routingKey: 'r', url }), { status: 202 }],
  ['teams', (webhookUrl) => ({ type: 'teams', webhookUrl }), { status: 202 }],
  ['discord', (webhookUrl) => ({ type: 'discord', webhookUrl }), { status: 204 }],
  [
    'telegram',
    (apiUrl) => ({ type: 'telegram', token: '123:abc', chatId: '-5', apiUrl }),
    { body: '{"ok":true,"result":{"message_id":7}}' },
  ],
  ['alertmanager', (url) => ({ type: 'alertmanager', url }), { status: 200 }],
  [
    'kakaowork',
    (apiUrl) => ({ type: 'kakaowork', token: 't', conversationId: '1', apiUrl }),
    { body: '{"success":true}' },
  ],
]

describe.each(media)('the answers of %s', (_, config, accepted) => {
  test('accepted, later, later by so much, never, and no answer at all', async () => {
    const receiver = await httpReceiver()
    const { send } = open(config(receiver.url))
    const wanted: Array<readonly [Scripted, Answer['kind']]> = [
      [accepted, 'ok'],
      [{ status: 500 }, 'retry'],
      [{ status: 503, headers: { 'retry-after': '7' } }, 'retryAfter'],
      [{ status: 429, headers: { 'retry-after': '7' } }, 'retryAfter'],
      [{ status: 408 }, 'retry'],
      [{ status: 400, body: 'invalid' }, 'permanent'],
      [{ status: 404 }, 'permanent'],
      [{ status: 302, headers: { location: 'http://example.com/' } }, 'permanent'],
      [{ reset: true }, 'retry'],
    ]
    receiver.script(...wanted.map(([answer]) => answer))
    const kinds: string[] = []
    for (const _round of wanted) kinds.push((await send()).kind)
    expect(kinds).toEqual(wanted.map(([, kind]) => kind))
  })
})

describe('media with words of their own', () => {
  test.each([
    ['{"ok":false,"error":"ratelimited"}', 'retry'],
    ['{"ok":false,"error":"channel_not_found"}', 'permanent'],
    ['<html>', 'retry'],
  ])('Slack’s API answers 200 with %s: %s', async (body, kind) => {
    const receiver = await httpReceiver()
    receiver.answer({ body })
    expect((await open({ type: 'slack', token: 'x', channel: 'C', apiUrl: `${receiver.url}/` }).send()).kind).toBe(kind)
  })

  test('Discord and Telegram say in the body how long to wait', async () => {
    const receiver = await httpReceiver()
    receiver.script(
      { status: 429, body: '{"retry_after":1.5}' },
      { status: 429, body: '{"parameters":{"retry_after":3}}' },
    )
    const discord = await open({ type: 'discord', webhookUrl: receiver.url }).send()
    const telegram = await open({ type: 'telegram', token: 't', chatId: '1', apiUrl: receiver.url }).send()
    expect([discord, telegram]).toMatchObject([{ afterMs: 1500 }, { afterMs: 3000 }])
  })

  test('Slack’s bot posts once, then edits its message and replies in its thread', async () => {
    const receiver = await httpReceiver()
    receiver.answer({ body: '{"ok":true,"channel":"C1","ts":"1.2"}' })
    const { send } = open({ type: 'slack', token: 'xoxb-1', channel: '#ops', apiUrl: `${receiver.url}/api/` })
    const first = await send()
    expect(first).toMatchObject({ kind: 'ok', ref: 'C1 1.2' })
    const end: Notice = {
      ...notice,
      kind: 'resolved',
      alerts: [alertOf({ state: 'resolved', resolvedAtMs: Date.now() })],
    }
    expect(await send(end, { ref: 'C1 1.2' })).toMatchObject({ kind: 'ok', ref: 'C1 1.2' })
    expect(receiver.requests.map(({ path }) => path)).toEqual([
      '/api/chat.postMessage',
      '/api/chat.update',
      '/api/chat.postMessage',
    ])
    expect(receiver.requests[0]!.headers.authorization).toBe('Bearer xoxb-1')
    expect(JSON.parse(receiver.requests[2]!.body)).toMatchObject({ thread_ts: '1.2', channel: 'C1' })
  })

  test('Alertmanager gets what it needs to keep an alert open, and its end', async () => {
    const receiver = await httpReceiver()
    const { send } = open({ type: 'alertmanager', url: receiver.url, resend: '1m', username: 'u', password: 'p' })
    const nowMs = Date.UTC(2026, 10, 24, 7)
    await send(notice, { nowMs })
    expect(receiver.requests[0]!.path).toBe('/api/v2/alerts')
    expect(receiver.requests[0]!.headers.authorization).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`)
    expect(JSON.parse(receiver.requests[0]!.body)).toMatchObject([
      {
        labels: { alertname: 'queue-deleted', severity: 'warning', rabbitmq_queue: 'orders' },
        startsAt: '2026-11-24T06:04:05.000Z',
        endsAt: '2026-11-24T07:04:00.000Z',
      },
    ])
  })
})

describe('mail', () => {
  const config = (port: number, smtp: object = {}, more: object = {}) => ({
    type: 'email',
    smtp: { host: '127.0.0.1', port, tls: 'none', ...smtp },
    from: 'thump@example.com',
    to: ['a@example.com', 'b@example.com'],
    ...more,
  })

  test.each([
    [421, 'retry'],
    [452, 'retry'],
    [550, 'permanent'],
    [554, 'permanent'],
  ])('a server that answers %i: %s', async (code, kind) => {
    const smtp = await smtpReceiver()
    smtp.refuse(code)
    expect((await open(config(smtp.port)).send()).kind).toBe(kind)
  })

  test('recipients told to come later are asked again alone; one that is refused for good does not hold the rest', async () => {
    const smtp = await smtpReceiver()
    smtp.refuseRecipient('b@example.com', 451)
    const { send } = open(config(smtp.port))
    const first = await send()
    expect(first).toMatchObject({ kind: 'retry', progress: '["a@example.com"]' })
    const strict = await smtpReceiver()
    strict.refuseRecipient('b@example.com', 550)
    const other = open(config(strict.port))
    expect(await other.send()).toMatchObject({ kind: 'ok', detail: 'refused recipients: b@example.com' })
    await open(config(strict.port, {}, { to: ['a@example.com', 'c@example.com'] })).send(notice, {
      progress: '["a@example.com"]',
    })
    expect(strict.mails.map(({ to }) => to)).toEqual([['a@example.com'], ['c@example.com']])
  })

  test('STARTTLS and a login are used against a private CA; without TLS nothing is sent', async () => {
    const { ca, cert, key } = await makeCertificates()
    const dir = mkdtempSync(join(tmpdir(), 'thump-ca-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    writeFileSync(join(dir, 'ca.pem'), ca)
    const tls = { tls: { ca: join(dir, 'ca.pem') } }
    const auth = { username: 'u', password: 'p' }
    const smtp = await smtpReceiver({ tls: 'starttls', certificate: { key, cert }, auth })
    expect(await open(config(smtp.port, { tls: 'starttls', ...auth }, tls)).send()).toMatchObject({ kind: 'ok' })
    expect(smtp.mails[0]).toMatchObject({ isEncrypted: true, user: 'u' })
    expect(await open(config(smtp.port, { tls: 'starttls', ...auth })).send()).toMatchObject({ kind: 'retry' })
    const wrong = { username: 'u', password: 'wrong' }
    expect(await open(config(smtp.port, { tls: 'starttls', ...wrong }, tls)).send()).toMatchObject({ kind: 'retry' })
    const plain = await smtpReceiver()
    expect(await open(config(plain.port, { tls: 'starttls' })).send()).toMatchObject({ kind: 'retry' })
    expect(plain.mails).toHaveLength(0)
    const https = await startHttpReceiver({ tls: { key, cert } })
    onTestFinished(https.stop)
    const url = https.value.url
    expect(await open({ type: 'webhook', url, ...tls }).send()).toMatchObject({ kind: 'ok' })
    expect(await open({ type: 'webhook', url }).send()).toMatchObject({ kind: 'retry' })
  })
})

describe('a command', () => {
  const script = (text: string) => {
    const dir = mkdtempSync(join(tmpdir(), 'thump-command-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const path = join(dir, 'tell.mjs')
    writeFileSync(path, text)
    return [process.execPath, path]
  }
  const telling = (text: string, timeout = '20s') => open({ type: 'command', command: script(text), timeout })

  test('gets the alert on its standard input, and its exit code decides', async () => {
    const ok =
      'let t="";for await (const c of process.stdin) t+=c; process.exit(JSON.parse(t).alert.id==="alert-1"&&process.env.THUMP_RULE==="queue-deleted"?0:9)'
    expect((await telling(ok).send()).kind).toBe('ok')
    expect(await telling('console.error("busy"); process.exit(75)').send()).toMatchObject({
      kind: 'retry',
      detail: 'exit 75: busy',
    })
    expect((await telling('process.exit(65)').send()).kind).toBe('permanent')
    expect((await open({ type: 'command', command: ['/nonexistent/tell'] }).send()).kind).toBe('retry')
  })

  test('that does not end is ended', async () => {
    expect(await telling('setInterval(() => {}, 1000)', '300ms').send()).toMatchObject({
      kind: 'retry',
      reason: 'timeout',
    })
  })
})

describe('a proxy and a CA of the company', () => {
  test.each(media)('%s goes by the proxy its channel names', async (_, config, accepted) => {
    const proxy = await httpReceiver()
    proxy.answer(accepted)
    const { send } = open({ ...config('http://medium.example.com'), proxy: proxy.url })
    expect((await send()).kind).toBe('ok')
    expect(proxy.requests[0]!.path).toMatch(/^http:\/\/medium\.example\.com/u)
  })

  test.each(media)('%s is trusted by the CA its channel names, and by no other', async (_, config, accepted) => {
    const { ca, cert, key } = await makeCertificates()
    const dir = mkdtempSync(join(tmpdir(), 'thump-ca-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    writeFileSync(join(dir, 'ca.pem'), ca)
    const { value: receiver, stop } = await startHttpReceiver({ tls: { key, cert } })
    onTestFinished(stop)
    receiver.answer(accepted)
    expect((await open({ ...config(receiver.url), tls: { ca: join(dir, 'ca.pem') } }).send()).kind).toBe('ok')
    expect((await open(config(receiver.url)).send()).kind).toBe('retry')
  })

  test('mail goes by a proxy that opens tunnels', async () => {
    const smtp = await smtpReceiver()
    const asked: string[] = []
    const proxy = createServer()
    proxy.on('connect', ({ url = '' }, socket: Duplex) => {
      asked.push(url)
      const onwards = connect(smtp.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onwards.pipe(socket).pipe(onwards)
      })
      onwards.on('error', () => socket.destroy())
      socket.on('error', () => onwards.destroy())
    })
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void proxy.close())
    const { port } = proxy.address() as AddressInfo
    const { send } = open({
      type: 'email',
      smtp: { host: 'mail.example.com', port: 25, tls: 'none' },
      from: 'thump@example.com',
      to: ['a@example.com'],
      proxy: `http://127.0.0.1:${port}`,
    })
    expect(await send()).toMatchObject({ kind: 'ok' })
    expect(asked).toEqual(['mail.example.com:25'])
    expect(smtp.mails).toHaveLength(1)
  })
})

test.each([
  [{ type: 'slack' }, 'needs webhookUrl, or token and channel'],
  [{ type: 'slack', token: 't' }, 'needs channel beside its token'],
  [{ type: 'webhook' }, 'needs url (or urlFile)'],
  [{ type: 'kakaowork', token: 't' }, 'needs either email or conversationId'],
])('a channel that cannot work is refused: %j', (config, message) => {
  expect(() => open(config)).toThrow(message)
})
