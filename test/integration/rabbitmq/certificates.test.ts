import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createCertificateReader } from '../../../agent/sources/resources/certificates.ts'
import { freePorts } from '../../../demo/broker/free-ports.ts'
import type { Broker } from '../../../demo/broker/start-broker.ts'
import { Secret } from '../../../runtime/config/secret.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { makeCertificates } from '../../servers/certificates.ts'
import { type RabbitmqVersion, startRabbitmq } from '../../servers/rabbitmq.ts'
import { collector, testIdentity } from './harness.ts'

const never = new AbortController().signal

/** Certificates where the broker's user can read them. */
async function writeCertificates() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-tls-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  chmodSync(dir, 0o755)
  const certificates = await makeCertificates()
  for (const [name, text] of Object.entries(certificates))
    writeFileSync(join(dir, `${name}.pem`), text, { mode: 0o644 })
  const options = (prefix: string, hasCa: boolean) => [
    ...(hasCa ? [`${prefix}cacertfile = ${dir}/ca.pem`] : []),
    `${prefix}certfile = ${dir}/cert.pem`,
    `${prefix}keyfile = ${dir}/key.pem`,
  ]
  return { options, endsAt: new Date(new X509Certificate(certificates.cert).validTo).toISOString() }
}

/** What a reader tells of a broker with these settings: protocol, port and end. */
async function readOf(version: RabbitmqVersion, settings: readonly string[]) {
  const started = await startRabbitmq(version, { extraConfig: settings.join('\n') })
  onTestFinished(() => started.stop(), 60_000)
  const broker: Broker = started.value
  const sink = collector()
  const identity = testIdentity()
  identity.learn({ node: broker.nodeName })
  const account = { url: broker.managementUrl, username: 'guest', password: new Secret('guest') }
  const read = createCertificateReader({ account, identity, emit: sink.emit, log: silentLogger, now: Date.now })
  await read(never)
  await read(never)
  const told = sink.events().map(({ rabbitmq }) => rabbitmq?.certificate ?? {})
  // What it has to say of the handshakes is in its log once it has ended.
  await broker.halt()
  return { told, events: sink.events(), log: readFileSync(broker.logFile, 'utf8') }
}

const complaints = /SERVER ALERT|CLIENT ALERT|badarg/

test('a listener shows its certificate in a handshake, one that demands a certificate by the health check; the broker logs nothing', async () => {
  const { options, endsAt } = await writeCertificates()
  const [amqps = 0, https = 0] = await freePorts(2)
  const { told, events, log } = await readOf('4.0', [
    `listeners.ssl.1 = 127.0.0.1:${amqps}`,
    ...options('ssl_options.', true),
    'ssl_options.verify = verify_peer',
    'ssl_options.fail_if_no_peer_cert = true',
    // In TLS 1.2 no handshake comes about without one.
    'ssl_options.versions.1 = tlsv1.2',
    'management.ssl.ip = 127.0.0.1',
    `management.ssl.port = ${https}`,
    ...options('management.ssl.', false),
  ])
  const wanted = [
    ['amqp/ssl', amqps, endsAt],
    ['https', https, endsAt],
  ]
  expect(told.map((each) => [each['protocol'], each['port'], each['not_after']])).toEqual(wanted)
  for (const { days_left: days } of told) expect(Number(days)).toBeGreaterThan(1.9)
  for (const { days_left: days } of told) expect(Number(days)).toBeLessThanOrEqual(2)
  expect(events[0]).toMatchObject({
    event: { dataset: 'rabbitmq.certificate' },
    service: { node: { name: expect.stringContaining('@') as string } },
  })
  expect(log).not.toMatch(complaints)
})

test('where the health check would crash it is not asked: a handshake tells', async () => {
  const { options, endsAt } = await writeCertificates()
  const [amqps = 0] = await freePorts(1)
  const { told, log } = await readOf('3.10', [
    `listeners.ssl.1 = 127.0.0.1:${amqps}`,
    ...options('ssl_options.', false),
    'ssl_options.verify = verify_none',
  ])
  expect(told).toMatchObject([{ protocol: 'amqp/ssl', port: amqps, not_after: endsAt }])
  expect(log).not.toMatch(complaints)
})
