import { execFileSync } from 'node:child_process'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { afterEach, expect, test } from 'vitest'
import type { Started } from '../../../runtime/shutdown.ts'
import { ensureTool } from '../../servers/cache.ts'
import { makeCertificates } from '../../servers/certificates.ts'
import { startKafka } from '../../servers/kafka.ts'
import { shared } from '../../servers/shared.ts'

const stops: (() => Promise<void>)[] = []
const own = <T>({ value, stop }: Started<T>): T => {
  stops.push(stop)
  return value
}
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const patient = { retries: 20, initialRetryTime: 200, maxRetryTime: 1000 }

test('three brokers keep a replicated topic over the death of one', async () => {
  const kafka = own(await startKafka({ brokers: 3 }))
  const client = new KafkaClient({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING, retry: patient })
  const admin = client.admin()
  const producer = client.producer()
  await admin.connect()
  await producer.connect()
  stops.push(
    () => admin.disconnect(),
    () => producer.disconnect(),
  )
  await admin.createTopics({
    topics: [{ topic: 'kept', numPartitions: 3, replicationFactor: 3 }],
    waitForLeaders: true,
  })
  await producer.send({ topic: 'kept', messages: [{ value: 'before' }] })
  await kafka.kill(0)
  await producer.send({ topic: 'kept', messages: [{ value: 'after' }] })
  await kafka.start(0)
  const offsets = await admin.fetchTopicOffsets('kept')
  expect(offsets.reduce((sum, { high }) => sum + Number(high), 0)).toBe(2)
})

test('a listener with TLS and SCRAM takes the right login alone', async () => {
  const { ca, cert, key } = await makeCertificates()
  const pem = (text: string) => text.trim().replaceAll('\n', '\\n')
  const kafka = own(
    await startKafka({
      protocol: 'SASL_SSL',
      formatArgs: ['--add-scram', 'SCRAM-SHA-512=[name=thump,password=secret]'],
      extra: [
        'listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512',
        'listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;',
        'listener.name.client.ssl.keystore.type=PEM',
        `listener.name.client.ssl.keystore.certificate.chain=${pem(cert)}`,
        `listener.name.client.ssl.keystore.key=${pem(key)}`,
      ],
    }),
  )
  const login = async (password: string) => {
    const client = new KafkaClient({
      brokers: [...kafka.brokers],
      ssl: { ca },
      sasl: { mechanism: 'scram-sha-512', username: 'thump', password },
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    })
    const admin = client.admin()
    await admin.connect()
    await admin.disconnect()
  }
  await login('secret')
  await expect(login('wrong')).rejects.toThrow(/authentication/i)
})

test('kcat, a client by other hands, reads what was written', async () => {
  const topic = `kcat-${process.pid}`
  const client = new KafkaClient({ brokers: [...shared().kafka.brokers], logLevel: logLevel.NOTHING, retry: patient })
  const admin = client.admin()
  const producer = client.producer()
  await admin.connect()
  await producer.connect()
  stops.push(
    () => admin.disconnect(),
    () => producer.disconnect(),
    () => admin.deleteTopics({ topics: [topic] }),
  )
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true })
  await producer.send({ topic, messages: [{ value: '{"message":"hello"}' }] })
  const kcat = await ensureTool('kcat')
  const read = execFileSync(kcat, ['-C', '-q', '-e', '-b', shared().kafka.brokers.join(','), '-t', topic], {
    encoding: 'utf8',
  })
  expect(read).toBe('{"message":"hello"}\n')
})
