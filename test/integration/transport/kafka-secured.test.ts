import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Secret } from '../../../runtime/config/secret.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import type { KafkaOptions } from '../../../transport/kafka/kafka-parts.ts'
import { type Certificates, makeCertificates } from '../../servers/certificates.ts'
import { eventually } from '../../servers/eventually.ts'
import { type Kafka, startKafka } from '../../servers/kafka.ts'
import { startTcpProxy, type TcpProxy } from '../../servers/tcp-proxy.ts'
import { recordOf } from './conformance.ts'
import { kafkaOptions, never, openKafka, readAll } from './kafka-setup.ts'

/** A broker that wants TLS with a client certificate and a login, and that clients reach through a proxy only. */
const shutdown = new Shutdown()
const dir = mkdtempSync(join(tmpdir(), 'thump-kafka-tls-'))
const password = 'correct horse'
/** Another than for SCRAM: who sends the one in place of the other is not let in. */
const plainPassword = 'plain horse'
let kafka: Kafka
let proxy: TcpProxy

const at = (name: string) => join(dir, name)

function brokerProperties({ ca, cert, key }: Certificates, port: number): string[] {
  const pem = (text: string) => text.trim().replaceAll('\n', '\\n')
  const login = 'org.apache.kafka.common.security'
  return [
    `advertised.listeners=CLIENT://127.0.0.1:${port},PLAIN://127.0.0.1:1`,
    'listener.name.client.ssl.keystore.type=PEM',
    `listener.name.client.ssl.keystore.certificate.chain=${pem(cert)}`,
    `listener.name.client.ssl.keystore.key=${pem(key)}`,
    'listener.name.client.ssl.truststore.type=PEM',
    `listener.name.client.ssl.truststore.certificates=${pem(ca)}`,
    'listener.name.client.ssl.client.auth=required',
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.client.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.client.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required user_thump="${plainPassword}";`,
    `listener.name.client.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
    `listener.name.client.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
  ]
}

beforeAll(async () => {
  const certificates = await makeCertificates()
  for (const [name, text] of Object.entries(certificates)) writeFileSync(at(name), text as string)
  const target = { port: 0 }
  proxy = shutdown.own('proxy', await startTcpProxy(target))
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=thump,password=${password}]`,
  ])
  const request = { protocol: 'SASL_SSL', extra: brokerProperties(certificates, proxy.port), formatArgs: scram }
  kafka = shutdown.own('kafka', await startKafka(request))
  target.port = Number(kafka.brokers[0]?.split(':')[1])
})

afterAll(async () => {
  await shutdown.run(AbortSignal.timeout(60_000))
  rmSync(dir, { recursive: true })
})

type Sasl = NonNullable<KafkaOptions['sasl']>

function securely(sasl: Partial<Sasl> = {}, tls: Partial<NonNullable<KafkaOptions['tls']>> = {}): KafkaOptions {
  return kafkaOptions({
    brokers: [proxy.address],
    tls: { ca: at('ca'), cert: at('cert'), key: at('key'), insecure: false, ...tls },
    sasl: { mechanism: 'scram-sha-512', username: 'thump', password: new Secret(password), ...sasl },
  })
}

test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
  'sends and reads over TLS, logged in by %s',
  async (mechanism) => {
    const secret = new Secret(mechanism === 'plain' ? plainPassword : password)
    const { transport } = await openKafka(securely({ mechanism, password: secret }))
    const producer = (await transport.createProducer()).value
    expect(await producer.send([recordOf('k', 'secret')], never)).toEqual({ rejected: [] })
    const { texts } = await readAll(transport)
    await eventually(() => expect(texts()).toEqual(['secret']))
  },
)

test.each([
  ['a wrong password', () => securely({ password: new Secret('wrong') }), /authentication|invalid credentials/i],
  ['a certificate of nobody known', () => securely({}, { ca: undefined }), /certificate/i],
] as const)('%s is told once with its cause, never the password, and tried again', async (_, options, cause) => {
  const { transport, told } = await openKafka(options())
  const producer = (await transport.createProducer()).value
  await expect(producer.send([recordOf('k', 'one')], AbortSignal.timeout(1500))).rejects.toThrow('timeout')
  expect(told).toHaveLength(1)
  expect(JSON.stringify(told)).toMatch(cause)
  expect(JSON.stringify(told)).not.toContain(password)
})

test('connections that are reset in the middle of everything lose nothing, double nothing and keep the order', async () => {
  const { transport, told } = await openKafka(securely())
  const producer = (await transport.createProducer()).value
  const { texts } = await readAll(transport)
  const expected: string[] = []
  for (let round = 0; round < 30; round++) {
    if (round % 3 === 0) proxy.cutAfter(500 + round * 331)
    const batch = Array.from({ length: 20 }, (_ignored, index) => `${round}.${index}`)
    expected.push(...batch)
    await producer.send(
      batch.map((text) => recordOf('k', text)),
      never,
    )
  }
  proxy.cutAfter(undefined)
  await eventually(() => expect(texts()).toHaveLength(expected.length), { withinMs: 30_000 })
  expect(texts()).toEqual(expected)
  // Resets that overlap are told as one.
  expect(told.some(({ msg }) => msg.includes('unavailable'))).toBe(true)
})

test('a broker that falls silent is given up; what it did get late is not doubled', async () => {
  const { transport, told } = await openKafka(securely(), { requestTimeoutMs: 1000, connectTimeoutMs: 1000 })
  const producer = (await transport.createProducer()).value
  const { texts, consumer } = await readAll(transport)
  await producer.send([recordOf('k', 'before')], never)
  await eventually(() => expect(texts()).toEqual(['before']))
  const before = proxy.carried()
  proxy.stall()
  const sends = ['one', 'two', 'three'].map((text) => producer.send([recordOf('k', text)], never))
  await eventually(() => !producer.isConnected() && !consumer.isConnected())
  proxy.resume()
  await Promise.all(sends)
  await eventually(() => expect(texts()).toEqual(['before', 'one', 'two', 'three']))
  await eventually(() => producer.isConnected() && consumer.isConnected())
  expect(proxy.carried()).toBeGreaterThan(before)
  expect(told.filter(({ msg }) => msg.includes('revoked'))).toEqual([])
})

test('a broker that hangs is seen in the metrics, told once, and read on from when it goes on', async () => {
  const { transport, told, metrics } = await openKafka(securely(), { requestTimeoutMs: 1000, connectTimeoutMs: 1000 })
  const producer = (await transport.createProducer()).value
  const { texts, consumer } = await readAll(transport)
  await producer.send([recordOf('k', 'before')], never)
  await eventually(() => expect(texts()).toEqual(['before']))
  const outageSeconds = async () =>
    Number(/^thump_kafka_outage_seconds (\S+)/m.exec(await metrics.registry.metrics())?.[1])
  expect(await outageSeconds()).toBe(0)
  kafka.pause()
  try {
    await eventually(async () => !consumer.isConnected() && (await outageSeconds()) > 1)
  } finally {
    kafka.resume()
  }
  await producer.send([recordOf('k', 'after')], never)
  await eventually(() => expect(texts()).toEqual(['before', 'after']))
  await eventually(async () => consumer.isConnected() && (await outageSeconds()) === 0)
  expect(await metrics.registry.metrics()).toMatch(/^thump_kafka_failures_total [1-9]/m)
  const lines = told.filter(({ msg }) => /unavailable|recovered/.test(msg))
  expect(lines.map(({ msg }) => msg)).toEqual(['kafka is unavailable, retrying', 'kafka recovered'])
  expect(lines[1]).toMatchObject({ lastedMs: expect.any(Number) as number })
  expect(JSON.stringify(told)).not.toContain('stack')
})
