import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { prepareBase, startGuard, startServerProcess } from '../../demo/broker/guarded.ts'
import { processesOf, serverUser, stopProcesses } from '../../demo/broker/processes.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { type ElasticsearchVersion, fetchElasticsearch, fetchSecured } from './elasticsearch-home.ts'
import { javaHome } from './java.ts'

export interface ElasticsearchRequest {
  readonly version?: ElasticsearchVersion
  /** Lines added to elasticsearch.yml. */
  readonly extra?: readonly string[]
  /** With it security is on, and this is the password of the user `elastic`. */
  readonly password?: string
  /** The same port as before, for a node that comes back elsewhere. */
  readonly port?: number
  /** The transport ports of all nodes of its cluster, its own first; without them the node is alone. */
  readonly cluster?: readonly number[]
  /** Added to the JVM's options. */
  readonly javaOptions?: string
  /** Processors that it may use, as `taskset -c` names them; it sees no others. */
  readonly cores?: string
}

export interface Elasticsearch {
  readonly url: string
  readonly port: number
  /** All of the node's files. */
  readonly base: string
  /** kill -9; `start` brings it back with its data. */
  kill(): Promise<void>
  start(): Promise<void>
  /** SIGSTOP and SIGCONT: the node hangs, its connections stay. */
  pause(): void
  resume(): void
}

/** A private Elasticsearch node on loopback; gone with its folder at the end. */
export async function startElasticsearch(request: ElasticsearchRequest = {}): Promise<Started<Elasticsearch>> {
  const { version = '8.19.9', password, javaOptions = '', cores } = request
  const source = await (password === undefined ? fetchElasticsearch : fetchSecured)(version)
  const java = await javaHome(version.startsWith('9') ? 21 : 17)
  const user = serverUser()
  const base = mkdtempSync(join(tmpdir(), 'thump-es-'))
  const [free = 0, alone = 0] = await freePorts(2)
  const port = request.port ?? free
  const [transport = alone] = request.cluster ?? []
  const url = `http://127.0.0.1:${port}`
  const guard = startGuard(base, 'remove')
  const stop = async () => {
    await stopProcesses(base, 0)
    await guard.release()
  }
  cpSync(join(source, 'config'), join(base, 'config'), { recursive: true })
  writeFileSync(join(base, 'config/elasticsearch.yml'), configuration(request, base, port, transport))
  prepareBase(base, ['data', 'logs', 'tmp'], user)
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: base,
    LANG: 'C.UTF-8',
    ES_JAVA_HOME: java,
    ES_PATH_CONF: join(base, 'config'),
    ES_TMPDIR: join(base, 'tmp'),
    ES_JAVA_OPTS: `-Xms512m -Xmx512m ${javaOptions}`,
  }
  // The distribution's scripts are not executable, and want bash.
  const script = (name: string) => join(source, 'bin', name)
  const keystore = (args: readonly string[], input = '') =>
    execFileSync('bash', [script('elasticsearch-keystore'), ...args], { env, input, stdio: 'pipe', ...user })
  const start = async () => {
    const logFile = join(base, 'stdout.log')
    const command = ['bash', script('elasticsearch')]
    const [program = '', ...args] = cores === undefined ? command : ['taskset', '-c', cores, ...command]
    startServerProcess({ program, args, env, base, user, logFile })
    const deadline = Date.now() + 120_000
    while (!(await isHealthy(url, password))) {
      if (Date.now() > deadline || processesOf(base).length === 0)
        throw new Error(`Elasticsearch did not start: ${readFileSync(logFile, 'utf8').slice(-1500)}`)
      await sleep(150)
    }
  }
  try {
    if (password !== undefined) {
      keystore(['create', '-s'])
      keystore(['add', '-x', 'bootstrap.password'], password)
    }
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  const signal = (name: NodeJS.Signals) => {
    for (const pid of processesOf(base)) process.kill(pid, name)
  }
  const value: Elasticsearch = {
    url,
    port,
    base,
    kill: () => {
      signal('SIGKILL')
      return stopProcesses(base, 0)
    },
    start,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  }
  return { value, stop }
}

function configuration(request: ElasticsearchRequest, base: string, port: number, transport: number) {
  const { password, cluster, extra = [] } = request
  const isSecure = password !== undefined
  return [
    ...(cluster ? membership(cluster) : ['discovery.type: single-node']),
    `xpack.security.enabled: ${isSecure}`,
    ...(isSecure ? ['xpack.security.http.ssl.enabled: false', 'xpack.security.transport.ssl.enabled: false'] : []),
    'network.host: 127.0.0.1',
    `http.port: ${port}`,
    `transport.port: ${transport}`,
    `path.data: ${join(base, 'data')}`,
    `path.logs: ${join(base, 'logs')}`,
    'cluster.routing.allocation.disk.threshold_enabled: false',
    ...extra,
    '',
  ].join('\n')
}

function membership(ports: readonly number[]): string[] {
  const sorted = ports.toSorted((a, b) => a - b)
  return [
    `cluster.name: thump-${sorted[0]}`,
    `node.name: node-${ports[0]}`,
    `discovery.seed_hosts: ${JSON.stringify(ports.map((port) => `127.0.0.1:${port}`))}`,
    `cluster.initial_master_nodes: ${JSON.stringify(sorted.map((port) => `node-${port}`))}`,
  ]
}

async function isHealthy(url: string, password: string | undefined): Promise<boolean> {
  try {
    const response = await asElastic(`${url}/_cat/health`, password)
    if (!response.ok || !/green|yellow/.test(await response.text())) return false
    // The node begins to write its own roles once it is up: while their index is made, the right password is refused.
    return password === undefined || (await asElastic(`${url}/_security/role/started`, password, 'PUT')).ok
  } catch {
    return false
  }
}

function asElastic(url: string, password: string | undefined, method = 'GET'): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`elastic:${password}`).toString('base64')}`
  return fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...(password !== undefined && { authorization }) },
    ...(method === 'PUT' && { body: '{}' }),
    signal: AbortSignal.timeout(10_000),
  })
}
