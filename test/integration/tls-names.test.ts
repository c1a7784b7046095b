import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig } from '../../runtime/config/load.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { openStorage } from '../../storage/open-storage.ts'
import { type Certificates, makeCertificates } from '../servers/certificates.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'

const dir = mkdtempSync(join(tmpdir(), 'thump-tls-names-'))
const ca = join(dir, 'ca.pem')
let certificates: Certificates
beforeAll(async () => {
  certificates = await makeCertificates('DNS:other.example')
  writeFileSync(ca, certificates.ca)
})
afterAll(() => rmSync(dir, { recursive: true }))

/** TLS before a server that speaks none, by a certificate of a name by which nobody comes here. */
async function startFront(targetPort: number) {
  let connections = 0
  const server = createServer({ cert: certificates.cert, key: certificates.key }, (client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    for (const socket of [client, upstream])
      socket.on('error', () => {
        client.destroy()
        upstream.destroy()
      })
    client.pipe(upstream).pipe(client)
  })
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { address: `127.0.0.1:${port}`, connections: () => connections }
}

const storageOf = (address: string, servername?: string) => ({
  kind: 'elasticsearch',
  elasticsearch: {
    nodes: [`https://${address}`],
    indexPrefix: `tls-${randomUUID().slice(0, 8)}`,
    tls: { ca, servername },
  },
})

test('certificates of another name: the forwarder says whose and what to do, keeps trying and lives', async () => {
  const { kafka, elasticsearch } = shared()
  const kafkaFront = await startFront(Number(kafka.brokers[0]?.split(':')[1]))
  const storageFront = await startFront(Number(new URL(elasticsearch.url).port))
  const config = stringify({
    transport: { kind: 'kafka', kafka: { brokers: [kafkaFront.address], tls: { ca } } },
    storage: storageOf(storageFront.address),
  })
  const forwarder = await runThump(['forwarder'], { config })
  onTestFinished(async () => void (await forwarder.kill()))
  const readiness = async () => {
    const response = await fetch(`${forwarder.healthUrl}/readyz`)
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean; detail?: string }> }
    return { status: response.status, ...checks }
  }
  const told = (settings: string) => ({
    ok: false,
    detail: expect.stringMatching(
      new RegExp(`another name: .* set ${settings}\\.servername .*127\\.0\\.0\\.1 is not in the cert`),
    ) as string,
  })
  await eventually(async () =>
    expect(await readiness()).toMatchObject({
      status: 503,
      'forwarder-transport': told('transport.kafka.tls'),
      'forwarder-storage': told('storage.elasticsearch.tls'),
    }),
  )
  const before = [kafkaFront.connections(), storageFront.connections()]
  await eventually(() => kafkaFront.connections() > (before[0] ?? 0) && storageFront.connections() > (before[1] ?? 0))
  expect((await fetch(`${forwarder.healthUrl}/livez`)).status).toBe(200)
  expect(forwarder.stderr() + forwarder.stdout()).not.toMatch(/^\s+at /m)
})

test('the remedy works: with the name the certificate has, Elasticsearch is set up through it', async () => {
  const front = await startFront(Number(new URL(shared().elasticsearch.url).port))
  const { config } = loadConfig({ base: { storage: storageOf(front.address, 'other.example') } })
  const deps = { log: silentLogger, metrics: createMetrics(), now: Date.now }
  const { value, stop } = await openStorage(config, deps)
  onTestFinished(stop)
  await value.store.setup(AbortSignal.timeout(30_000))
  expect(value.store.problem()).toBeUndefined()
})
