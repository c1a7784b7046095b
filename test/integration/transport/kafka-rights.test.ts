import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka as KafkaClient,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../../runtime/config/secret.ts'
import { Shutdown } from '../../../runtime/shutdown.ts'
import { eventually } from '../../servers/eventually.ts'
import { type Kafka, startKafka } from '../../servers/kafka.ts'
import { runThump } from '../../servers/run-thump.ts'
import { line } from '../log-files/harness.ts'
import { recordOf } from './conformance.ts'
import { kafkaOptions, never, openKafka, readAll } from './kafka-setup.ts'

/** A broker that gives rights by user. Who comes without a login may do everything; so may all, where nothing is said. */
const authorizing = [
  'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users=User:ANONYMOUS',
  'allow.everyone.if.no.acl.found=true',
  'sasl.enabled.mechanisms=PLAIN',
  'listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_thump="pw";',
]
const shutdown = new Shutdown()
let kafka: Kafka
beforeAll(async () => {
  kafka = shutdown.own('kafka', await startKafka({ protocol: 'SASL_PLAINTEXT', extra: authorizing }))
})
afterAll(() => shutdown.run(AbortSignal.timeout(60_000)))

const { READ, WRITE, DESCRIBE } = AclOperationTypes

/** The only rights of the user on the topic from now on. */
async function permit(topic: string, operations: readonly AclOperationTypes[]): Promise<void> {
  const admin = new KafkaClient({ brokers: [...kafka.plainBrokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const of = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
  }
  const whose = { principal: 'User:thump', host: '*', permissionType: AclPermissionTypes.ALLOW }
  // Where nobody has any right, everybody has all.
  const another = { ...of, ...whose, principal: 'User:another', operation: READ }
  await admin.createAcls({ acl: [another, ...operations.map((operation) => ({ ...of, ...whose, operation }))] })
  const withdrawn = [READ, WRITE, DESCRIBE].filter((operation) => !operations.includes(operation))
  const filters = withdrawn.map((operation) => ({ ...of, ...whose, operation }))
  if (filters.length > 0) await admin.deleteAcls({ filters })
  await admin.disconnect()
}

const plain = () => kafkaOptions({ brokers: [...kafka.plainBrokers] })

interface Readiness {
  readonly status: number
  readonly transport: { readonly ok: boolean; readonly detail?: string } | undefined
}

async function readinessOf(healthUrl: string): Promise<Readiness> {
  const response = await fetch(`${healthUrl}/readyz`)
  const { checks } = (await response.json()) as { checks: Record<string, Readiness['transport']> }
  return { status: response.status, transport: checks['agent-transport'] }
}

test.each([
  ['while the topic can still be seen', [READ, DESCRIBE]],
  ['with all others', []],
] as const)(
  'an agent whose right to write is withdrawn %s waits and says why; given back, each line arrives once and in order',
  async (_, left) => {
    const options = plain()
    const dir = mkdtempSync(join(tmpdir(), 'thump-rights-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const [log, passwordFile] = [join(dir, 'x.log'), join(dir, 'password')]
    writeFileSync(passwordFile, 'pw')
    writeFileSync(log, line('before'))
    const { APP: app, THUMP: self } = options.topics
    const sasl = { mechanism: 'plain', username: 'thump', passwordFile }
    const config = JSON.stringify({
      cluster: 'c',
      dataDir: join(dir, 'data'),
      transport: { kind: 'kafka', topics: { app, self }, kafka: { brokers: kafka.brokers, sasl } },
      agent: { node: 'rabbit@rights', logs: [{ paths: [log] }], resources: { enabled: false } },
    })
    const { transport } = await openKafka(options)
    await transport.ensureTopics(AbortSignal.timeout(30_000))
    await permit(app, [READ, WRITE, DESCRIBE])
    const { records } = await readAll(transport)
    const lines = () => records.map(({ value }) => (JSON.parse(value.toString()) as { message: string }).message)
    const agent = await runThump(['agent'], { config })
    onTestFinished(async () => void (await agent.kill()))
    await eventually(() => expect(lines()).toEqual(['before']))
    await agent.ready()

    await permit(app, left)
    let refused = 0
    await eventually(() => {
      appendFileSync(log, line('refused'))
      refused++
      return readinessOf(agent.healthUrl).then(({ status }) => status === 503)
    })
    const reason = expect.stringMatching(/APP-.*TOPIC_AUTHORIZATION_FAILED/) as string
    expect((await readinessOf(agent.healthUrl)).transport).toEqual({ ok: false, detail: reason })
    appendFileSync(log, line('last'))

    await permit(app, [READ, WRITE, DESCRIBE])
    await eventually(() => lines().includes('last'))
    expect(lines()).toEqual(['before', ...Array.from({ length: refused }, () => 'refused'), 'last'])
    expect(await (await fetch(`${agent.healthUrl}/metrics`)).text()).not.toMatch(/^thump_events_dropped_total\{/m)
    await agent.ready()
  },
)

test('a topic that may not be written holds up no other; who does not wait for it is told the reason', async () => {
  const options = plain()
  const { transport: administration } = await openKafka(options)
  await administration.ensureTopics(AbortSignal.timeout(30_000))
  await permit(options.topics.APP, [])
  const sasl = { mechanism: 'plain', username: 'thump', password: new Secret('pw') } as const
  const { transport } = await openKafka({ ...options, brokers: [...kafka.brokers], sasl })
  const { value: patient } = await transport.createProducer({ waitsForTopics: true })
  const giveUp = new AbortController()
  const sent: Promise<unknown>[] = []
  // The first may pass before the broker has heard of it.
  await eventually(() => {
    sent.push(patient.send([recordOf('k', 'one')], giveUp.signal))
    return /TOPIC_AUTHORIZATION_FAILED/.test(patient.problem() ?? '')
  })
  expect(await patient.send([{ ...recordOf('k', 'other'), topic: 'AMQP' }], never)).toEqual({ rejected: [] })
  giveUp.abort(new Error('given up'))
  expect((await Promise.allSettled(sent)).at(-1)).toMatchObject({ status: 'rejected', reason: { message: 'given up' } })
  const { value: other } = await transport.createProducer()
  const { rejected } = await other.send([recordOf('k', 'one')], never)
  expect(rejected).toMatchObject([{ index: 0, reason: 'not-authorized' }])
})
