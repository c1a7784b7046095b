import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { startServerProcess } from '../../demo/broker/guarded.ts'
import { processesOf, type ServerUser } from '../../demo/broker/processes.ts'
import { sleep } from '../../runtime/retry.ts'

export interface KafkaNode {
  readonly id: number
  readonly base: string
  /** Clients come here, by the asked protocol. */
  readonly port: number
  /** Always plaintext: between brokers, and for a test's own administration. */
  readonly plainPort: number
  readonly controllerPort: number
}

export interface KafkaSettings {
  readonly nodes: readonly KafkaNode[]
  readonly protocol: string
  readonly extra: readonly string[]
}

/** A broker that is its own controller: small, and quick to be ready. */
export function nodeProperties(node: KafkaNode, { nodes, protocol, extra }: KafkaSettings): string {
  const replication = Math.min(nodes.length, 3)
  const voters = nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',')
  const clients = `CLIENT://127.0.0.1:${node.port},PLAIN://127.0.0.1:${node.plainPort}`
  return [
    'process.roles=broker,controller',
    `node.id=${node.id}`,
    `controller.quorum.voters=${voters}`,
    `listeners=${clients},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    `advertised.listeners=${clients}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAIN',
    `listener.security.protocol.map=CLIENT:${protocol},PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    `log.dirs=${join(node.base, 'data')}`,
    `offsets.topic.replication.factor=${replication}`,
    'offsets.topic.num.partitions=4',
    `default.replication.factor=${replication}`,
    `transaction.state.log.replication.factor=${replication}`,
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    ...extra,
    '',
  ].join('\n')
}

export interface KafkaPrograms {
  readonly java: string
  readonly libs: string
  readonly user: ServerUser | undefined
}

/** Writes the node's folder and formats its storage. */
export async function formatNode(
  node: KafkaNode,
  settings: KafkaSettings,
  { java, libs }: KafkaPrograms,
  args: readonly string[],
): Promise<void> {
  mkdirSync(node.base)
  const file = join(node.base, 's.properties')
  writeFileSync(file, nodeProperties(node, settings))
  const child = spawn(java, ['-cp', libs, 'kafka.tools.StorageTool', 'format', '-c', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`Kafka could not format its storage: ${said.slice(-1500)}`)
}

export function runNode(node: KafkaNode, { java, libs, user }: KafkaPrograms): void {
  startServerProcess({
    program: java,
    args: ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-cp', libs, 'kafka.Kafka', join(node.base, 's.properties')],
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: node.base },
    base: node.base,
    user,
    logFile: join(node.base, 'stdout.log'),
  })
}

/** Resolves once the node takes clients. */
export async function untilServing(node: KafkaNode): Promise<void> {
  const deadline = Date.now() + 90_000
  while (!(await canConnect(node.port))) {
    if (Date.now() > deadline || processesOf(node.base).length === 0)
      throw new Error(`Kafka did not start: ${readFileSync(join(node.base, 'stdout.log'), 'utf8').slice(-1500)}`)
    await sleep(100)
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
