import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { BrokerRoot } from './fetch-broker.ts'
import { freePorts, prepareBase, startGuard, startServerProcess } from './guarded.ts'
import { baseVariable, isReachableByAll, serverUser, stopProcesses } from './processes.ts'

export interface BrokerRequest {
  readonly root: BrokerRoot
  /** All the node's files: data, logs, cookie, configuration. */
  readonly base: string
  /** What becomes of `base` at the end. */
  readonly after: 'keep' | 'remove'
  readonly nodeName?: string
  /** Nodes of one cluster share cookie and epmd port. */
  readonly cookie?: string
  readonly epmdPort?: number
  readonly extraConfig?: string
  readonly plugins?: readonly string[]
  readonly readyTimeoutMs?: number
}

export interface Broker {
  readonly nodeName: string
  readonly version: () => Promise<string>
  readonly amqpPort: number
  readonly amqpUrl: string
  readonly managementUrl: string
  readonly prometheusUrl: string
  readonly logDir: string
  readonly logFile: string
  readonly epmdPort: number
  /** The administrator every fresh node has; on loopback only. */
  readonly admin: { readonly username: 'guest'; readonly password: 'guest' }
  /** rabbitmqctl against this node. */
  ctl(...args: string[]): Promise<string>
  /** An administrator's call of the management API; throws on an error status. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
  pid(): number
  /** kill -9, and start again with the same data. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops the node in an orderly way; `start` brings it back. */
  halt(): Promise<void>
}

const defaultPlugins = ['rabbitmq_management', 'rabbitmq_event_exchange', 'rabbitmq_prometheus']

/** A private RabbitMQ node on loopback: own ports, cookie, epmd, data and logs, all below `base`. Never an existing node. */
export async function startBroker(request: BrokerRequest): Promise<Started<Broker>> {
  const user = isReachableByAll(request.root.root === '/' ? '/usr' : request.root.root) ? serverUser() : undefined
  await stopProcesses(request.base, 5000)
  prepareBase(request.base, ['home', 'mnesia', 'log', 'tmp'], user)
  const [amqp = 0, management = 0, prometheus = 0, dist = 0, freeEpmd = 0] = await freePorts(5)
  const epmd = request.epmdPort ?? freeEpmd
  const nodeName = request.nodeName ?? `thump-${amqp}@localhost`
  writeConfiguration(request, { amqp, management, prometheus }, nodeName)
  prepareBase(request.base, [], user)
  const env = environment(request, nodeName, dist, epmd)
  const guard = startGuard(request.base, request.after)
  const managementUrl = `http://127.0.0.1:${management}`
  const stdout = join(request.base, 'log/stdout.log')

  const start = async () => {
    const child = startServerProcess({
      program: join(request.root.sbin, 'rabbitmq-server'),
      args: [],
      env,
      base: request.base,
      user,
      logFile: stdout,
    })
    let exited: string | undefined
    child.once('exit', (code, signal) => (exited = `exit ${code ?? signal}`))
    child.once('error', (error) => (exited = error.message))
    const deadline = Date.now() + (request.readyTimeoutMs ?? 90_000)
    while (!(await isReady(managementUrl))) {
      if (exited !== undefined || Date.now() > deadline)
        throw new UnavailableError(
          'the private RabbitMQ',
          new Error(`${exited ?? 'not ready in time'}: ${lastLines(stdout)}`),
        )
      await sleep(100)
    }
  }
  const ctl = (...args: string[]) => runCtl(request.root.sbin, env, request.base, user, args)
  const api = (method: string, path: string, body?: unknown) => callApi(managementUrl, method, path, body)
  const broker: Broker = {
    nodeName,
    version: async () => String(((await api('GET', '/api/overview')) as { rabbitmq_version: string }).rabbitmq_version),
    amqpPort: amqp,
    amqpUrl: `amqp://127.0.0.1:${amqp}`,
    managementUrl,
    prometheusUrl: `http://127.0.0.1:${prometheus}`,
    logDir: join(request.base, 'log'),
    logFile: join(request.base, 'log/rabbit.log'),
    epmdPort: epmd,
    admin: { username: 'guest', password: 'guest' },
    ctl,
    api,
    pid: () => Number(readFileSync(join(request.base, 'pid'), 'utf8')),
    kill: async () => {
      process.kill(Number(readFileSync(join(request.base, 'pid'), 'utf8')), 'SIGKILL')
      await stopProcesses(request.base, 2000)
    },
    halt: () => stopProcesses(request.base, 20_000),
    start,
  }
  const stop = async () => {
    await stopProcesses(request.base, 15_000)
    await guard.release()
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { value: broker, stop }
}

function writeConfiguration(
  { base, cookie, plugins, extraConfig }: BrokerRequest,
  ports: { amqp: number; management: number; prometheus: number },
  nodeName: string,
): void {
  writeFileSync(join(base, 'enabled_plugins'), `[${(plugins ?? defaultPlugins).join(',')}].\n`)
  const cookieFile = join(base, 'home/.erlang.cookie')
  if (cookie !== undefined || !existsSync(cookieFile)) {
    writeFileSync(
      cookieFile,
      cookie ?? `${nodeName}${Math.random().toString(36).slice(2)}`.replaceAll(/[^A-Za-z0-9]/g, ''),
      { mode: 0o400 },
    )
  }
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${ports.management}`,
    `management.http_log_dir = ${join(base, 'log')}`,
    'prometheus.tcp.ip = 127.0.0.1',
    `prometheus.tcp.port = ${ports.prometheus}`,
    `log.file = ${join(base, 'log/rabbit.log')}`,
    'disk_free_limit.absolute = 50MB',
    extraConfig ?? '',
  ]
  writeFileSync(join(base, 'rabbitmq.conf'), `${lines.join('\n')}\n`)
}

function environment(
  { root, base }: BrokerRequest,
  nodeName: string,
  distPort: number,
  epmdPort: number,
): Record<string, string> {
  return {
    PATH: `${root.erlangBin}:/usr/bin:/bin`,
    HOME: join(base, 'home'),
    LANG: 'C.UTF-8',
    TMPDIR: join(base, 'tmp'),
    ...(root.erlangRoot !== undefined && { ERL_ROOTDIR: root.erlangRoot }),
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(distPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_MNESIA_BASE: join(base, 'mnesia'),
    RABBITMQ_LOG_BASE: join(base, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(base, 'enabled_plugins'),
    RABBITMQ_CONFIG_FILE: join(base, 'rabbitmq.conf'),
    RABBITMQ_PID_FILE: join(base, 'pid'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    [baseVariable]: base,
  }
}

async function isReady(managementUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${managementUrl}/api/overview`, {
      headers: { authorization: guestHeader },
      signal: AbortSignal.timeout(2000),
    })
    if (!response.ok) return false
    // The management database answers before the first statistics of the node are in.
    return ((await response.json()) as { listeners?: unknown[] }).listeners?.length !== 0
  } catch {
    return false
  }
}

const guestHeader = `Basic ${Buffer.from('guest:guest').toString('base64')}`

async function callApi(managementUrl: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${managementUrl}${path}`, {
    method,
    headers: { authorization: guestHeader, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok)
    throw new UnavailableError(`${method} ${path}`, new Error(`${response.status} ${text.slice(0, 300)}`))
  return text === '' ? undefined : JSON.parse(text)
}

function runCtl(
  sbin: string,
  env: Record<string, string>,
  base: string,
  user: ReturnType<typeof serverUser>,
  args: readonly string[],
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(sbin, 'rabbitmqctl'), args, { env, cwd: base, stdio: ['ignore', 'pipe', 'pipe'], ...user })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0
        ? resolve(out)
        : reject(new UnavailableError(`rabbitmqctl ${args[0] ?? ''}`, new Error((err || out).trim().slice(-500)))),
    )
  })
}

function lastLines(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').slice(-5).join(' | ') : 'no output'
}
