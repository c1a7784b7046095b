import { once } from 'node:events'
import { request } from 'node:https'
import { appendFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { afterEach, expect, test } from 'vitest'
import type { Started } from '../../../runtime/shutdown.ts'
import { makeCertificates } from '../../servers/certificates.ts'
import { eventually } from '../../servers/eventually.ts'
import { startHttpReceiver } from '../../servers/http-receiver.ts'
import { startSmallDisk } from '../../servers/small-disk.ts'
import { startSmtpReceiver } from '../../servers/smtp-receiver.ts'
import { startTcpProxy } from '../../servers/tcp-proxy.ts'

const stops: (() => Promise<void>)[] = []
const own = <T>({ value, stop }: Started<T>): T => {
  stops.push(stop)
  return value
}

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function receiverBehindProxy() {
  const receiver = own(await startHttpReceiver())
  const proxy = own(await startTcpProxy({ port: receiver.port }))
  const ask = (body = 'x', withinMs = 2000) =>
    fetch(`http://${proxy.address}/`, {
      method: 'POST',
      body,
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(withinMs),
    })
  return { receiver, proxy, ask }
}

test('the proxy carries requests and answers', async () => {
  const { receiver, ask } = await receiverBehindProxy()
  receiver.script({ status: 201, body: 'made', headers: { 'x-seen': 'yes' } })
  const response = await ask('hello')
  expect([response.status, await response.text(), response.headers.get('x-seen')]).toEqual([201, 'made', 'yes'])
  expect(receiver.requests.map(({ body }) => body)).toEqual(['hello'])
})

test('a stalled proxy lets nothing pass until it resumes', async () => {
  const { receiver, proxy, ask } = await receiverBehindProxy()
  proxy.stall()
  await expect(ask('stalled', 300)).rejects.toThrow(/timeout/i)
  expect(receiver.requests).toEqual([])
  const waiting = ask('patient', 10_000)
  proxy.resume()
  expect((await waiting).status).toBe(200)
})

test('a proxy that is down refuses, and serves again on the same port', async () => {
  const { proxy, ask } = await receiverBehindProxy()
  await proxy.down()
  await expect(ask()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  await proxy.up()
  expect((await ask()).status).toBe(200)
})

test('a connection is reset under the client', async () => {
  const { receiver, proxy, ask } = await receiverBehindProxy()
  receiver.answer({ hang: true })
  const hanging = expect(ask('x', 10_000)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
  await receiver.received(1)
  proxy.reset()
  await hanging
})

test('the proxy cuts after exactly as many bytes as it was told', async () => {
  const received: Buffer[] = []
  const server = createServer((socket) =>
    socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {}),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => new Promise((resolve) => void server.close(() => resolve())))
  const address = server.address()
  const proxy = own(await startTcpProxy({ port: typeof address === 'object' ? address!.port : 0 }))
  proxy.cutAfter(10)
  const client = connect(proxy.port, '127.0.0.1').on('error', () => {})
  client.write('0123456789abcdef')
  await once(client, 'close')
  await eventually(() => Buffer.concat(received).length >= 10)
  expect(Buffer.concat(received).toString()).toBe('0123456789')
})

test('latency holds every chunk back', async () => {
  const { proxy, ask } = await receiverBehindProxy()
  proxy.latency(150)
  const begun = performance.now()
  await ask()
  expect(performance.now() - begun).toBeGreaterThan(290)
})

test('the receiver resets when the script says so, and answers the next request', async () => {
  const receiver = own(await startHttpReceiver())
  receiver.script({ reset: true }, { status: 503, headers: { 'retry-after': '7' } })
  await expect(fetch(receiver.url)).rejects.toThrow()
  const second = await fetch(receiver.url)
  expect([second.status, second.headers.get('retry-after')]).toEqual([503, '7'])
  expect(await receiver.received(2)).toHaveLength(2)
})

test('mail over STARTTLS with a login is recorded; a refused one is not', async () => {
  const certificate = await makeCertificates()
  const smtp = own(
    await startSmtpReceiver({ tls: 'starttls', certificate, auth: { username: 'mq', password: 'secret' } }),
  )
  smtp.refuse(451)
  const transport = createTransport({
    host: 'localhost',
    port: smtp.port,
    requireTLS: true,
    tls: { ca: certificate.ca },
    auth: { user: 'mq', pass: 'secret' },
  })
  const mail = { from: 'mq@example.com', to: 'ops@example.com', subject: 'hello', text: 'there' }
  await expect(transport.sendMail(mail)).rejects.toMatchObject({ responseCode: 451 })
  await transport.sendMail(mail)
  const [received] = await smtp.received(1)
  expect(smtp.mails).toHaveLength(1)
  expect(received).toMatchObject({ from: 'mq@example.com', to: ['ops@example.com'], isEncrypted: true, user: 'mq' })
  expect(received?.raw).toContain('Subject: hello')
})

test('a wrong login is refused', async () => {
  const smtp = own(await startSmtpReceiver({ auth: { username: 'mq', password: 'secret' } }))
  const transport = createTransport({ host: '127.0.0.1', port: smtp.port, auth: { user: 'mq', pass: 'wrong' } })
  await expect(transport.verify()).rejects.toMatchObject({ responseCode: 535 })
})

test('a certificate made for a test is trusted by its own authority alone', async () => {
  const { ca, cert, key } = await makeCertificates()
  const receiver = own(await startHttpReceiver({ tls: { cert, key } }))
  await expect(fetch(receiver.url)).rejects.toThrow()
  const response = await new Promise<number | undefined>((resolve, reject) => {
    request(receiver.url, { ca, agent: false }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end()
  })
  expect(response).toBe(200)
})

test('a full disk refuses writes until it is relieved', () => {
  const disk = own(startSmallDisk(256 * 1024))
  const file = join(disk.dir, 'data')
  appendFileSync(file, 'before')
  disk.fill()
  expect(() => appendFileSync(file, Buffer.alloc(64 * 1024))).toThrow(/ENOSPC/)
  disk.relieve()
  appendFileSync(file, Buffer.alloc(64 * 1024))
})

test('eventually gives up with the reason of the last attempt', async () => {
  const attempt = eventually(
    () => {
      throw new Error('not yet')
    },
    { withinMs: 60, everyMs: 10, what: 'the answer' },
  )
  await expect(attempt).rejects.toMatchObject({
    message: 'the answer did not hold within 60 ms',
    cause: { message: 'not yet' },
  })
})
