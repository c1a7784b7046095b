import { execSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createMonitor, removeUser } from '../e2e/watched-broker.ts'
import { startHttpReceiver } from '../servers/http-receiver.ts'
import { thump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'

interface Found {
  readonly check: string
  readonly status: string
  readonly detail: string
  readonly fix?: string
}

async function doctor(config: object): Promise<{ code: number | null; found: readonly Found[]; said: string }> {
  const { code, stdout, stderr } = await thump(['doctor', '--json'], { config: JSON.stringify(config) })
  return { code, found: JSON.parse(stdout) as Found[], said: stdout + stderr }
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'thump-doctor-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('a sound installation on real servers has nothing to mend', async () => {
  const { rabbit40: broker, kafka, elasticsearch } = shared()
  const dir = folder()
  const id = randomUUID().slice(0, 8)
  const monitor = await createMonitor(broker, `mon-${id}`)
  onTestFinished(() => removeUser(broker, monitor.username), 30_000)
  const receiver = await startHttpReceiver()
  onTestFinished(() => receiver.stop())
  writeFileSync(join(dir, 'password'), monitor.password)
  writeFileSync(
    join(dir, 'r.yaml'),
    'rules:\n- {id: a, topic: AMQP, type: match, where: {amqp.operation: queue.delete}}\n',
  )
  const config = {
    dataDir: join(dir, 'data'),
    agent: {
      logs: [{ paths: [broker.logFile] }],
      amqp: { url: broker.amqpUrl, username: monitor.username, passwordFile: join(dir, 'password') },
      resources: { url: broker.managementUrl },
    },
    alerting: {
      rules: [join(dir, '*.yaml')],
      channels: { hook: { type: 'webhook', url: `${receiver.value.url}/secret-path` } },
    },
  }
  const embedded = await doctor(config)
  expect(embedded.found.filter(({ status }) => status === 'fail')).toEqual([])
  expect(embedded.code).toBe(0)
  const checked = new Set(embedded.found.filter(({ status }) => status === 'ok').map(({ check }) => check))
  for (const check of [
    'data',
    'logs',
    'broker',
    'events',
    'management',
    'clock',
    'transport',
    'storage',
    'rules',
    'channels',
  ])
    expect(checked).toContain(check)
  expect(embedded.said).not.toContain('secret-path')
  expect(embedded.said).not.toContain(monitor.password)

  const topics = {
    app: `APP-${id}`,
    amqp: `AMQP-${id}`,
    metric: `METRIC-${id}`,
    self: `THUMP-${id}`,
    deadLetter: `DL-${id}`,
  }
  const real = await doctor({
    ...config,
    transport: { kind: 'kafka', topics, kafka: { brokers: kafka.brokers } },
    storage: { kind: 'elasticsearch', elasticsearch: { nodes: [elasticsearch.url], indexPrefix: `doctor-${id}` } },
  })
  const fixes = real.found.filter(({ status }) => status === 'fail').map(({ check, fix }) => `${check}: ${fix ?? ''}`)
  expect(new Set(fixes)).toEqual(new Set(['topics: thump setup kafka', 'indices: thump setup elasticsearch']))
  expect(real.found.filter(({ check }) => check === 'topics')).toHaveLength(5)
})

test('topics are made by setup, and where they differ from the configuration setup and doctor say so', async () => {
  const { kafka } = shared()
  const id = randomUUID().slice(0, 8)
  const topics = { app: `APP-${id}`, amqp: `Q-${id}`, metric: `M-${id}`, self: `T-${id}`, deadLetter: `DL-${id}` }
  const transport = (createTopics: object) => ({
    dataDir: folder(),
    transport: { kind: 'kafka', topics, kafka: { brokers: kafka.brokers, createTopics } },
  })
  const setup = (createTopics: object, ...args: string[]) =>
    thump(['setup', 'kafka', ...args], { config: JSON.stringify(transport(createTopics)) })
  const dry = await setup({ partitions: 2, retention: '36h' }, '--dry-run')
  expect(dry.stdout).toMatch(new RegExp(`^APP-${id} +2 +the broker's own +36h$`, 'm'))
  expect(dry.stdout).toContain(`--topic APP-${id} --partitions 2 --config retention.ms=129600000`)
  expect((await setup({ partitions: 2, retention: '36h' })).stdout).toContain('all topics are there')
  const other = { partitions: 3, replicationFactor: 2, retention: '7d' }
  const again = await setup(other)
  for (const text of ['2 partitions instead of 3', 'replication 1 instead of 2', 'retention 36h instead of 7d'])
    expect(again.stderr).toContain(text)
  const { found } = await doctor(transport(other))
  const [broker] = kafka.brokers
  expect(found.filter(({ detail }) => detail.includes('instead of'))).toHaveLength(5)
  expect(found.find(({ detail }) => detail.includes(`APP-${id}`))).toEqual({
    check: 'topics',
    status: 'warn',
    detail: `topic APP-${id}: 2 partitions instead of 3, replication 1 instead of 2, retention 36h instead of 7d`,
    fix: [
      `kafka-topics.sh --bootstrap-server ${broker} --alter --topic APP-${id} --partitions 3`,
      'set transport.kafka.createTopics.replicationFactor: 1',
      `kafka-configs.sh --bootstrap-server ${broker} --alter --entity-type topics --entity-name APP-${id} --add-config retention.ms=604800000`,
    ].join('; '),
  })
}, 240_000)

test('what is wrong is told with the command that mends it', async () => {
  const { rabbit40: broker } = shared()
  const dir = folder()
  writeFileSync(join(dir, 'bad.yaml'), 'rules:\n- {id: a, type: mtach}\n')
  const { code, found } = await doctor({
    dataDir: join(dir, 'data'),
    agent: {
      logs: [{ paths: [join(dir, 'gone.log')] }],
      amqp: { url: broker.amqpUrl, username: 'nobody', password: 'wrong' },
      resources: { url: broker.managementUrl },
    },
    transport: { kind: 'kafka', kafka: { brokers: ['127.0.0.1:1'] } },
    storage: { kind: 'elasticsearch', elasticsearch: { nodes: ['http://127.0.0.1:1'] } },
    alerting: {
      rules: [join(dir, 'bad.yaml')],
      channels: { hook: { type: 'webhook', url: 'http://127.0.0.1:1/' } },
    },
  })
  expect(code).toBe(1)
  const failed = Object.fromEntries(
    found.filter(({ status }) => status === 'fail').map(({ check, fix }) => [check, fix]),
  )
  expect(failed).toMatchObject({
    logs: 'rabbitmq-diagnostics -q log_location says where the broker logs',
    broker: "rabbitmqctl change_password 'nobody' …",
    management: "rabbitmqctl change_password 'nobody' …, or thump setup rabbitmq to make a user",
    rules: 'thump rules lint',
  })
  expect(Object.keys(failed)).toEqual(expect.arrayContaining(['transport', 'storage', 'channels']))
  const plain = found.filter(({ check }) => check === 'secrets').map(({ detail }) => detail.split(' is ')[0])
  expect(plain).toEqual(['agent.amqp.password', 'alerting.channels.hook.url'])
})

test('without a rule file the command that doctor prints brings the rule pack', async () => {
  const dir = folder()
  const config = {
    dataDir: join(dir, 'data'),
    agent: { resources: { enabled: false } },
    alerting: { rules: [join(dir, 'rules.d/*.yaml')] },
  }
  const rules = async () => (await doctor(config)).found.find(({ check }) => check === 'rules')
  execSync((await rules())?.fix ?? '')
  expect((await rules())?.detail).toMatch(/^[5-9]\d rules/)
})
