import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import {
  type BrokerPorts,
  type NodeSettings,
  nodeEnvironment,
  nodeFolders,
  writeConfiguration,
} from './broker-config.ts'
import { admin, type BrokerTool, callApi, isReady, runTool } from './broker-control.ts'
import type { BrokerRoot } from './fetch-broker.ts'
import { freePorts } from './free-ports.ts'
import { prepareBase, startGuard, startServerProcess } from './guarded.ts'
import { guardsOf, processesOf, serverUser, stopProcesses } from './processes.ts'

export interface BrokerRequest extends NodeSettings {
  readonly root: BrokerRoot
  /** All the node's files: data, logs, cookie, configuration. Used by one process at a time. */
  readonly base: string
  /** What becomes of `base` at the end. */
  readonly after: 'keep' | 'remove'
  /** Names the data, too: give one where `base` is used again. Default: made of a port. */
  readonly nodeName?: string
  /** Those that are absent are found. Nodes of one cluster share epmd and `cookie`. */
  readonly ports?: Partial<BrokerPorts>
  readonly readyTimeoutMs?: number
}

export interface Broker {
  readonly nodeName: string
  readonly amqpPort: number
  readonly amqpUrl: string
  readonly managementUrl: string
  readonly prometheusUrl: string
  readonly logDir: string
  readonly logFile: string
  readonly epmdPort: number
  /** The administrator every fresh node has; on loopback only. */
  readonly admin: typeof admin
  version(): Promise<string>
  /** rabbitmqctl against this node. */
  ctl(...args: string[]): Promise<string>
  /** Another of its tools against this node. */
  tool(name: BrokerTool, ...args: string[]): Promise<string>
  /** An administrator's call of the management API; throws on an error status. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
  /** Of the node itself, while it runs. */
  pid(): number
  /** kill -9; `start` brings it back with the same data and ports. */
  kill(): Promise<void>
  /** Stops the node in an orderly way; `start` brings it back. */
  halt(): Promise<void>
  start(): Promise<void>
  /** SIGSTOP and SIGCONT: the node hangs, its connections stay. */
  pause(): void
  resume(): void
}

/** A private RabbitMQ node on loopback: own ports, cookie, epmd, data and logs, all below `base`. Never an existing node. */
export async function startBroker(request: BrokerRequest): Promise<Started<Broker>> {
  const { base, root } = request
  await takeOver(base)
  const user = serverUser()
  prepareBase(base, nodeFolders, user)
  const ports = await choosePorts(request.ports)
  const nodeName = request.nodeName ?? `thump-${ports.amqp}@localhost`
  const place = { root, base, nodeName, ports }
  writeConfiguration(place, request)
  // What was just written belongs to the server's user as well.
  prepareBase(base, [], user)
  const guard = startGuard(base, request.after)
  const managementUrl = `http://127.0.0.1:${ports.management}`

  const start = async () => {
    const logFile = join(base, 'log/stdout.log')
    const program = join(root.sbin, 'rabbitmq-server')
    const child = startServerProcess({ program, args: [], env: nodeEnvironment(place), base, user, logFile })
    let exited: string | undefined
    child.once('exit', (code, signal) => (exited = `it ended (${code ?? signal})`))
    child.once('error', (error) => (exited = error.message))
    const deadline = Date.now() + (request.readyTimeoutMs ?? 90_000)
    while (!(await isReady(managementUrl))) {
      const reason = exited ?? (Date.now() > deadline ? 'not ready in time' : undefined)
      if (reason !== undefined)
        throw new UnavailableError('the private RabbitMQ', new Error(`${reason}: ${lastLines(logFile)}`))
      await sleep(100)
    }
  }
  const pid = () => Number(readFileSync(join(base, 'pid'), 'utf8'))
  const api = (method: string, path: string, body?: unknown) => callApi(managementUrl, method, path, body)
  const value: Broker = {
    nodeName,
    amqpPort: ports.amqp,
    amqpUrl: `amqp://127.0.0.1:${ports.amqp}`,
    managementUrl,
    prometheusUrl: `http://127.0.0.1:${ports.prometheus}`,
    logDir: join(base, 'log'),
    logFile: join(base, 'log/rabbit.log'),
    epmdPort: ports.epmd,
    admin,
    version: async () => String(((await api('GET', '/api/overview')) as { rabbitmq_version: string }).rabbitmq_version),
    ctl: (...args) => runTool('rabbitmqctl', place, user, args),
    tool: (name, ...args) => runTool(name, place, user, args),
    api,
    pid,
    kill: async () => {
      process.kill(pid(), 'SIGKILL')
      await stopProcesses(base, 0)
    },
    halt: () => stopProcesses(base, 20_000),
    start,
    pause: () => void process.kill(pid(), 'SIGSTOP'),
    resume: () => void process.kill(pid(), 'SIGCONT'),
  }
  const stop = async () => {
    // A paused process cannot obey.
    for (const paused of processesOf(base)) process.kill(paused, 'SIGCONT')
    // Data that is about to be removed need not be written in order.
    await stopProcesses(base, request.after === 'remove' ? 0 : 15_000)
    await guard.release()
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { value, stop }
}

/** Waits for the cleaning up after a killed process, ends what even that one left, and refuses a folder that is in use. */
async function takeOver(base: string): Promise<void> {
  const deadline = Date.now() + 12_000
  while (guardsOf(base).length > 0) {
    if (Date.now() > deadline) throw new UnavailableError(base, new Error('another running thump uses this folder'))
    await sleep(100)
  }
  await stopProcesses(base, 5000)
}

async function choosePorts(given: Partial<BrokerPorts> = {}): Promise<BrokerPorts> {
  const [amqp = 0, management = 0, prometheus = 0, distribution = 0, epmd = 0] = await freePorts(5)
  return { amqp, management, prometheus, distribution, epmd, ...given }
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-5).join(' | ') || 'it said nothing'
}
