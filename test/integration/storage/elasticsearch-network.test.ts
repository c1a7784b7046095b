import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError, UnavailableError } from '../../../runtime/errors.ts'
import { makeCertificates } from '../../servers/certificates.ts'
import { shared } from '../../servers/shared.ts'
import { itemOf } from './conformance.ts'
import { beside, freshPrefix, never, open, ready } from './elasticsearch-harness.ts'

const day = Date.parse('2026-11-22T12:00:00Z')
const stored = [{ kind: 'stored', isDuplicate: false }]

/** A reverse proxy in front of the shared server that knows it below `/search/` alone. */
function forward(incoming: IncomingMessage, response: ServerResponse): void {
  if (!incoming.url?.startsWith('/search/')) {
    response.writeHead(404).end('not here')
    return
  }
  const url = new URL(incoming.url.slice('/search'.length), shared().elasticsearch.url)
  const options = { method: incoming.method, headers: incoming.headers }
  incoming.pipe(
    request(url, options, (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers))),
  )
}

async function listening(
  server: ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>,
): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('a path below which a proxy serves Elasticsearch works, and a wrong one buries nothing', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const url = `http://127.0.0.1:${await listening(createServer(forward))}`
  const { store } = await ready(prefix, { nodes: [`${url}/search`] })
  expect(await store.write([itemOf('one', day)], never)).toEqual(stored)
  const wrong = await open(prefix, { nodes: [`${url}/elsewhere`] })
  await expect(wrong.value.store.write([itemOf('two', day)], never)).rejects.toBeInstanceOf(UnavailableError)
  await wrong.stop()
})

/** A proxy that answers each request for itself until it is told to let them pass, and takes no body beyond `maxBytes`. */
async function startProxy(page: { status: number; type: string; body: string } | undefined, maxBytes = Infinity) {
  const state = { page }
  const sizes: number[] = []
  const server = createServer((incoming, response) => {
    if (state.page) return answer(response, state.page)
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = Buffer.concat(chunks)
      sizes.push(body.length)
      if (body.length > maxBytes)
        return answer(response, { status: 413, type: 'text/html', body: '<h1>Too large</h1>' })
      const url = new URL(incoming.url ?? '', shared().elasticsearch.url)
      const options = { method: incoming.method, headers: incoming.headers }
      request(url, options, (got) => got.pipe(response.writeHead(got.statusCode ?? 502, got.headers))).end(body)
    })
  })
  return { url: `http://127.0.0.1:${await listening(server)}`, sizes, letPass: () => (state.page = undefined) }
}

function answer(
  response: ServerResponse,
  { status, type, body }: { status: number; type: string; body: string },
): void {
  response.writeHead(status, { 'content-type': type, ...(status === 302 && { location: '/login' }) }).end(body)
}

test.each([200, 302, 400, 401, 403, 404, 407, 408, 411, 429, 500, 502, 503, 504])(
  'a page of status %i that a proxy answers with buries nothing: the same write is stored once it is gone',
  async (status) => {
    const prefix = freshPrefix()
    beside(prefix)
    await ready(prefix)
    for (const [type, body] of [
      ['text/html', '<h1>Sorry</h1>'],
      ['application/json', '{"error":"sorry"}'],
      ['application/json', '{"items":[]}'],
    ] as const) {
      const proxy = await startProxy({ status, type, body })
      const { value, stop } = await open(prefix, { nodes: [proxy.url] })
      await expect(value.store.write([itemOf(type + body, day)], never)).rejects.toBeInstanceOf(UnavailableError)
      expect(value.store.isConnected()).toBe(false)
      proxy.letPass()
      expect(await value.store.write([itemOf(type + body, day)], never)).toEqual(stored)
      await stop()
    }
  },
)

test('a proxy that takes no large body is given smaller ones, and only an event that is too large alone is refused', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  await ready(prefix)
  const proxy = await startProxy(undefined, 20_000)
  const { value, stop } = await open(prefix, { nodes: [proxy.url] })
  const items = Array.from({ length: 300 }, (_, index) => itemOf(`id-${index}`, day))
  const huge = itemOf('huge', day, { message: 'x'.repeat(30_000) })
  const outcomes = await value.store.write([...items.slice(0, 200), huge, ...items.slice(200)], never)
  expect(outcomes[200]).toMatchObject({ kind: 'reject', reason: 'too-large' })
  expect(outcomes.toSpliced(200, 1)).toEqual(items.map(() => stored[0]))
  expect(Math.max(...proxy.sizes)).toBeGreaterThan(20_000)
  await client.indices.refresh({ index: `${prefix}-*` })
  expect((await client.count({ index: `${prefix}-*` })).count).toBe(300)
  await stop()
})

test('TLS: an authority or its fingerprint is enough, neither or another one is not', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const { ca, cert, key } = await makeCertificates()
  const nodes = [`https://127.0.0.1:${await listening(createTlsServer({ cert: `${cert}${ca}`, key }, forward))}/search`]
  const dir = mkdtempSync(join(tmpdir(), 'thump-ca-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'ca.pem'), ca)
  const fingerprint = new X509Certificate(ca).fingerprint256
  const other = createHash('sha256').update('other').digest('hex')
  await (await ready(prefix, { nodes, tls: { insecure: false, ca: join(dir, 'ca.pem') } })).store.write([], never)
  const { store } = await ready(prefix, { nodes, tls: { insecure: false, fingerprint } })
  expect(await store.write([itemOf('one', day)], never)).toEqual(stored)
  for (const tls of [{ insecure: false }, { insecure: false, fingerprint: other }]) {
    const { value, stop } = await open(prefix, { nodes, tls })
    await expect(value.store.setup(never)).rejects.toBeInstanceOf(UnavailableError)
    await stop()
  }
  await expect(open(prefix, { nodes, tls: { insecure: false, ca: join(dir, 'absent.pem') } })).rejects.toBeInstanceOf(
    ConfigError,
  )
})

/** A forward proxy. */
function tunnelling(onTunnel: () => void = () => {}): ReturnType<typeof createServer> {
  const server = createServer()
  server.on('connect', ({ url = '' }: IncomingMessage, client) => {
    onTunnel()
    const { hostname, port } = new URL(`http://${url}`)
    const upstream = connect(Number(port), hostname, () => client.write('HTTP/1.1 200 OK\r\n\r\n'))
    upstream.pipe(client).pipe(upstream)
    for (const [one, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('error', () => peer.destroy())
  })
  return server
}

test('a forward proxy carries everything', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  let tunnels = 0
  const server = tunnelling(() => tunnels++)
  const { store } = await ready(prefix, { proxy: `http://127.0.0.1:${await listening(server)}` })
  expect(await store.write([itemOf('one', day)], never)).toEqual(stored)
  expect(tunnels).toBeGreaterThan(0)
})

test('of several nodes one may be down: nothing that is asked fails', async () => {
  const prefix = freshPrefix()
  beside(prefix)
  const { store } = await ready(prefix, { nodes: ['http://127.0.0.1:1', shared().elasticsearch.url] })
  for (let index = 0; index < 10; index++)
    expect(await store.write([itemOf(`id-${index}`, day)], never)).toEqual(stored)
})

test('a write whose answer trickles without an end is given up, and written anew: nothing is lost or doubled', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  let isTrickling = false
  const server = createServer((incoming, response) => {
    if (!isTrickling) return forward(incoming, response)
    const url = new URL((incoming.url ?? '').slice('/search'.length), shared().elasticsearch.url)
    const options = { method: incoming.method, headers: incoming.headers }
    incoming.pipe(
      request(url, options, (answer) => {
        answer.resume()
        response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] })
        // Never silent for as long as a client's limit of silence, and never at an end.
        const timer = setInterval(() => response.write(' '), 100)
        response.on('close', () => clearInterval(timer))
      }),
    )
  })
  const nodes = [`http://127.0.0.1:${await listening(server)}/search`]
  const proxied = `http://127.0.0.1:${await listening(tunnelling())}`
  const items = Array.from({ length: 100 }, (_, index) => itemOf(`id-${index}`, day))
  for (const way of [{}, { proxy: proxied }]) {
    isTrickling = false
    const { store } = await ready(prefix, { nodes, requestLimitMs: 1500, ...way })
    isTrickling = true
    await expect(store.write(items, never)).rejects.toBeInstanceOf(UnavailableError)
    expect(store.isConnected()).toBe(false)
    isTrickling = false
    expect(await store.write(items, never)).toEqual(items.map(() => ({ kind: 'stored', isDuplicate: true })))
  }
  await client.indices.refresh({ index: `${prefix}-*` })
  expect((await client.count({ index: `${prefix}-*` })).count).toBe(100)
})

test('a write whose answer was lost was stored, and writing it again finds it there', async () => {
  const prefix = freshPrefix()
  const client = beside(prefix)
  let isLosing = false
  const server = createServer((incoming, response) => {
    if (!isLosing) return forward(incoming, response)
    const url = new URL((incoming.url ?? '').slice('/search'.length), shared().elasticsearch.url)
    const options = { method: incoming.method, headers: incoming.headers }
    // The server has done its work when it answers; its answer goes nowhere.
    incoming.pipe(request(url, options, () => incoming.socket.resetAndDestroy()))
  })
  const { store } = await ready(prefix, { nodes: [`http://127.0.0.1:${await listening(server)}/search`] })
  const items = Array.from({ length: 100 }, (_, index) => itemOf(`id-${index}`, day))
  isLosing = true
  await expect(store.write(items, never)).rejects.toBeInstanceOf(UnavailableError)
  isLosing = false
  expect(await store.write(items, never)).toEqual(items.map(() => ({ kind: 'stored', isDuplicate: true })))
  await client.indices.refresh({ index: `${prefix}-*` })
  expect((await client.count({ index: `${prefix}-*` })).count).toBe(100)
})
