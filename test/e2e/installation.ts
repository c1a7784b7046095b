import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { Shutdown } from '../../runtime/shutdown.ts'
import { type HttpReceiver, startHttpReceiver } from '../servers/http-receiver.ts'
import { type SmtpReceiver, startSmtpReceiver } from '../servers/smtp-receiver.ts'
import { type BrokerUser, createMonitor, deleteQueueOf, removeUser, type WatchedBroker } from './watched-broker.ts'

export interface Servers {
  readonly broker: WatchedBroker
  /** Absent: the embedded kinds. */
  readonly kafka?: readonly string[]
  readonly elasticsearch?: string
}

/** A Thump as a user would install it: one thump.yaml, rule files, a data folder, and people to tell. */
export interface Installation {
  readonly id: string
  readonly dir: string
  /** The text of thump.yaml. */
  readonly config: string
  readonly topics: Readonly<Record<'app' | 'amqp' | 'metric' | 'self' | 'deadLetter', string>>
  readonly indexPrefix: string
  readonly http: HttpReceiver
  readonly smtp: SmtpReceiver
  readonly monitor: BrokerUser
  remove(): Promise<void>
}

const rules = `
rules:
- id: queue-deleted
  topic: AMQP
  type: match
  where: {amqp.operation: queue.delete, rabbitmq.queue.starts: e2e.}
  groupBy: [rabbitmq.queue]
  severity: critical
  summary: "queue {{rabbitmq.queue}} deleted by {{user.name}}"
- id: login-refused
  topic: APP
  type: match
  where: {message.contains: login refused}
  groupBy: [user.name]
  severity: warning
  summary: "{{message}}"
`

/** Everything under names of its own, so that installations do not see each other on shared servers. */
export async function install(servers: Servers): Promise<Installation> {
  const id = randomUUID().slice(0, 8)
  const shutdown = new Shutdown()
  const dir = mkdtempSync(join(tmpdir(), 'thump-e2e-'))
  shutdown.add('dir', async () => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'rules'))
  writeFileSync(join(dir, 'rules/e2e.yaml'), rules)
  const http = shutdown.own('http', await startHttpReceiver())
  const smtp = shutdown.own('smtp', await startSmtpReceiver())
  const monitor = await createMonitor(servers.broker, `mon-${id}`)
  shutdown.add('user', () => removeUser(servers.broker, monitor.username))
  shutdown.add('queue', () => deleteQueueOf(servers.broker, `mon.${id}`))
  writeFileSync(join(dir, 'password'), monitor.password)
  const named = (name: string) => `${name}-${id}`
  const topics = {
    app: named('APP'),
    amqp: named('AMQP'),
    metric: named('METRIC'),
    self: named('THUMP'),
    deadLetter: named('DEADLETTER'),
  }
  const indexPrefix = `e2e-${id}`
  const config = stringify({
    cluster: `cluster-${id}`,
    dataDir: join(dir, 'data'),
    transport: servers.kafka
      ? {
          kind: 'kafka',
          topics,
          kafka: { brokers: [...servers.kafka], group: `thump-${id}`, createTopics: { partitions: 2 } },
        }
      : { kind: 'embedded' },
    agent: {
      // The shared broker's log holds what other tests did before.
      logs: [{ paths: [servers.broker.logFile], startAt: 'end' }],
      amqp: { url: servers.broker.amqpUrl, username: monitor.username, passwordFile: join(dir, 'password') },
      events: { queue: `mon.${id}` },
      resources: { url: servers.broker.managementUrl },
    },
    storage: servers.elasticsearch
      ? { kind: 'elasticsearch', elasticsearch: { nodes: [servers.elasticsearch], indexPrefix } }
      : { kind: 'sqlite' },
    alerting: {
      rules: [join(dir, 'rules/*.yaml')],
      maxEventAge: '1h',
      channels: {
        'mq-slack': { type: 'slack', webhookUrl: `${http.url}/slack` },
        // Fast enough that each alert is told by itself, whatever a test does in a second.
        hook: {
          type: 'webhook',
          rate: '1000/s',
          url: `${http.url}/hook`,
          secret: 'whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdA==',
        },
        oncall: {
          type: 'email',
          smtp: { host: '127.0.0.1', port: smtp.port, tls: 'none' },
          from: 'thump@example.com',
          to: ['mq@example.com'],
        },
      },
      routes: [{ to: ['mq-slack', 'hook', 'oncall'] }],
      listen: '127.0.0.1:0',
    },
    log: { level: 'info', format: 'json' },
  })
  const remove = () => shutdown.run(AbortSignal.timeout(30_000))
  return { id, dir, config, topics, indexPrefix, http, smtp, monitor, remove }
}
