import { randomBytes } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { prepareBase, startGuard } from '../../demo/broker/guarded.ts'
import { processesOf, serverUser, stopProcesses } from '../../demo/broker/processes.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { cached, progress } from './cache.ts'
import { javaHome } from './java.ts'
import { formatNode, type KafkaNode, runNode, untilServing } from './kafka-node.ts'
import { maven } from './maven.ts'

const version = '4.1.1'

export interface KafkaRequest {
  /** One or three. */
  readonly brokers?: number
  /** The client listener's: `PLAINTEXT` (default), `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`. */
  readonly protocol?: string
  /** Lines added to every broker's properties, e.g. of a secured listener, which is called CLIENT. */
  readonly extra?: readonly string[]
  /** For the formatting of storage, e.g. `--add-scram …`. */
  readonly formatArgs?: readonly string[]
}

export interface Kafka {
  readonly brokers: readonly string[]
  /** The same brokers in plain text and without a login, whatever the clients' protocol is. */
  readonly plainBrokers: readonly string[]
  /** kill -9 of one broker, by index; `start` brings it back with its data. */
  kill(index?: number): Promise<void>
  start(index?: number): Promise<void>
  /** SIGSTOP and SIGCONT: the broker hangs, its connections stay. */
  pause(index?: number): void
  resume(index?: number): void
}

async function fetchKafka(): Promise<string> {
  return await cached(`kafka-${version}`, async (work) => {
    progress(`fetching Kafka ${version} ...`)
    const dependency = (group: string, artifact: string, at: string) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${at}</version></dependency>`
    const dependencies = [
      dependency('org.apache.kafka', 'kafka_2.13', version),
      dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.3'),
    ]
    const pom = join(work, 'pom.xml')
    writeFileSync(
      pom,
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>thump</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>`,
    )
    await maven('-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'libs')}`)
  })
}

/** 16 random bytes; one that began with a dash would be taken for an option. */
function clusterId(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  return bytes.toString('base64url')
}

/** A private Kafka (KRaft) on loopback; gone with its folder at the end. */
export async function startKafka(request: KafkaRequest = {}): Promise<Started<Kafka>> {
  const { brokers: count = 1, extra = [], protocol = 'PLAINTEXT', formatArgs = [] } = request
  const home = await fetchKafka()
  const programs = { java: join(await javaHome(17), 'bin/java'), libs: join(home, 'libs/*'), user: serverUser() }
  const base = mkdtempSync(join(tmpdir(), 'thump-kafka-'))
  prepareBase(base, [], undefined)
  const ports = await freePorts(count * 3)
  const nodes = Array.from({ length: count }, (_, index): KafkaNode => {
    const [port = 0, plainPort = 0, controllerPort = 0] = ports.slice(index * 3)
    return { id: index + 1, base: join(base, String(index + 1)), port, plainPort, controllerPort }
  })
  const guards = [...nodes.map((node) => startGuard(node.base, 'remove')), startGuard(base, 'remove')]
  const stop = async () => {
    for (const node of nodes) await stopProcesses(node.base, 0)
    for (const guard of guards) await guard.release()
  }
  const cluster = ['-t', clusterId(), ...formatArgs]
  const at = (index: number) => {
    const node = nodes[index]
    if (!node) throw new Error(`there is no broker ${index}`)
    return node
  }
  const start = async (index = 0) => {
    runNode(at(index), programs)
    await untilServing(at(index))
  }
  const signal = (index: number, name: NodeJS.Signals) => {
    for (const pid of processesOf(at(index).base)) process.kill(pid, name)
  }
  try {
    await Promise.all(nodes.map((node) => formatNode(node, { nodes, protocol, extra }, programs, cluster)))
    for (const node of nodes) prepareBase(node.base, [], programs.user)
    await Promise.all(nodes.map((_, index) => start(index)))
  } catch (error) {
    await stop()
    throw error
  }
  const value: Kafka = {
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    plainBrokers: nodes.map(({ plainPort }) => `127.0.0.1:${plainPort}`),
    kill: (index = 0) => {
      signal(index, 'SIGKILL')
      return stopProcesses(at(index).base, 0)
    },
    start,
    pause: (index = 0) => signal(index, 'SIGSTOP'),
    resume: (index = 0) => signal(index, 'SIGCONT'),
  }
  return { value, stop }
}
