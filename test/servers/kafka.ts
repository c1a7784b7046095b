import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { prepareBase, startGuard, startServerProcess } from '../../demo/broker/guarded.ts'
import { serverUser, stopProcesses } from '../../demo/broker/processes.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { cached, ensureTool, progress } from './cache.ts'
import { javaHome } from './java.ts'

const version = '4.1.1'

export interface KafkaRequest {
  /** One or three. */
  readonly brokers?: number
  /** Lines added to every broker's properties, e.g. for a secured listener. */
  readonly extra?: readonly string[]
  /** `SASL_PLAINTEXT`, `SSL` …: the client listener's protocol. */
  readonly protocol?: string
  readonly formatArgs?: readonly string[]
}

export interface Kafka {
  readonly brokers: readonly string[]
  /** kill -9 of one broker, by index; `start` brings it back with its data. */
  kill(index?: number): Promise<void>
  start(index?: number): Promise<void>
  pause(index?: number): void
  resume(index?: number): void
}

async function fetchKafka(): Promise<string> {
  return await cached(`kafka-${version}`, async (work) => {
    progress(`fetching Kafka ${version} ...`)
    const maven = await ensureTool('mvn')
    const dependency = (group: string, artifact: string, at: string) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${at}</version></dependency>`
    const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>thump</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>${dependency('org.apache.kafka', 'kafka_2.13', version)}${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.3')}</dependencies></project>`
    writeFileSync(join(work, 'pom.xml'), pom)
    // -C: a checksum that does not match fails the download.
    execFileSync(
      maven,
      [
        '-q',
        '-B',
        '-C',
        '-f',
        join(work, 'pom.xml'),
        'dependency:copy-dependencies',
        `-DoutputDirectory=${join(work, 'libs')}`,
      ],
      { stdio: ['ignore', 2, 2] },
    )
  })
}

/** A private Kafka (KRaft) on loopback; gone with its folder at the end. */
export async function startKafka({
  brokers: count = 1,
  extra = [],
  protocol = 'PLAINTEXT',
  formatArgs = [],
}: KafkaRequest = {}): Promise<Started<Kafka>> {
  const [home, java, user] = [await fetchKafka(), await javaHome(17), serverUser()]
  const base = mkdtempSync(join(tmpdir(), 'thump-kafka-'))
  const ports = await freePorts(count * 2)
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    base: join(base, String(index + 1)),
    port: ports[index * 2] ?? 0,
    controller: ports[index * 2 + 1] ?? 0,
  }))
  const voters = nodes.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join(',')
  const cluster = randomBytes(16).toString('base64url')
  chmodSync(base, 0o755)
  const guard = startGuard(base, 'remove')
  const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: base }
  for (const node of nodes) {
    mkdirSync(node.base)
    writeFileSync(join(node.base, 's.properties'), properties(node, { voters, count, protocol, extra }).join('\n'))
    execFileSync(
      join(java, 'bin/java'),
      [
        '-cp',
        join(home, 'libs/*'),
        'kafka.tools.StorageTool',
        'format',
        '-t',
        cluster,
        '-c',
        join(node.base, 's.properties'),
        ...formatArgs,
      ],
      { stdio: 'pipe', env },
    )
    prepareBase(node.base, [], user)
  }
  const start = (index = 0) => {
    const node = nodes[index]
    if (!node) return
    // Marked with the common base: the guard and the end find every node by it.
    startServerProcess({
      program: join(java, 'bin/java'),
      args: [
        '-Xms256m',
        '-Xmx512m',
        '-XX:+UseSerialGC',
        '-cp',
        join(home, 'libs/*'),
        'kafka.Kafka',
        join(node.base, 's.properties'),
      ],
      env: { ...env, THUMP_NODE: node.base },
      base,
      user,
      logFile: join(node.base, 'stdout.log'),
    })
  }
  const ready = (index = 0) => untilListening(nodes[index]?.port ?? 0, join(nodes[index]?.base ?? '', 'stdout.log'))
  const stop = async () => {
    await stopProcesses(base, 3000)
    await guard.release()
  }
  const signal = (index: number, name: NodeJS.Signals) => {
    for (const pid of pidsOf(nodes[index]?.base ?? '')) process.kill(pid, name)
  }
  try {
    for (let index = 0; index < count; index++) start(index)
    for (let index = 0; index < count; index++) await ready(index)
  } catch (error) {
    await stop()
    throw error
  }
  const kafka: Kafka = {
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    kill: async (index = 0) => {
      signal(index, 'SIGKILL')
      while (pidsOf(nodes[index]?.base ?? '').length > 0) await sleep(20)
    },
    start: async (index = 0) => {
      start(index)
      await ready(index)
    },
    pause: (index = 0) => signal(index, 'SIGSTOP'),
    resume: (index = 0) => signal(index, 'SIGCONT'),
  }
  return { value: kafka, stop }
}

function pidsOf(nodeBase: string): number[] {
  const list = execFileSync(
    'sh',
    ['-c', 'grep -lz -- "^THUMP_NODE=$0\\$" /proc/[0-9]*/environ 2>/dev/null || true', nodeBase],
    { encoding: 'utf8' },
  )
  return list
    .split('\n')
    .flatMap((line) => /^\/proc\/(\d+)\//.exec(line)?.[1] ?? [])
    .map(Number)
    .filter((pid) => pid !== process.pid && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'java')
}

interface NodePlace {
  readonly id: number
  readonly base: string
  readonly port: number
  readonly controller: number
}

function properties(
  node: NodePlace,
  { voters, count, protocol, extra }: { voters: string; count: number; protocol: string; extra: readonly string[] },
): string[] {
  const replication = Math.min(count, 3)
  return [
    'process.roles=broker,controller',
    `node.id=${node.id}`,
    `controller.quorum.voters=${voters}`,
    `listeners=CLIENT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controller}`,
    `advertised.listeners=CLIENT://127.0.0.1:${node.port}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=CLIENT',
    `listener.security.protocol.map=CLIENT:${protocol},CONTROLLER:PLAINTEXT`,
    `log.dirs=${join(node.base, 'data')}`,
    `offsets.topic.replication.factor=${replication}`,
    'offsets.topic.num.partitions=4',
    `default.replication.factor=${replication}`,
    `transaction.state.log.replication.factor=${replication}`,
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    ...extra,
  ]
}

async function untilListening(port: number, logFile: string): Promise<void> {
  const deadline = Date.now() + 90_000
  while (!(await canConnect(port))) {
    if (Date.now() > deadline) throw new Error(`Kafka did not start: ${readFileSync(logFile, 'utf8').slice(-1500)}`)
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
