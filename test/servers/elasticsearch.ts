import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { prepareBase, startGuard, startServerProcess } from '../../demo/broker/guarded.ts'
import { processesOf, serverUser, stopProcesses } from '../../demo/broker/processes.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { cached, ensureTool, progress } from './cache.ts'
import { javaHome } from './java.ts'

export type ElasticsearchVersion = '8.19.9' | '9.2.4'

export interface ElasticsearchRequest {
  readonly version?: ElasticsearchVersion
  /** Lines added to elasticsearch.yml. */
  readonly extra?: readonly string[]
  /** With security on, this is the password of the user `elastic`. */
  readonly password?: string
}

export interface Elasticsearch {
  readonly url: string
  readonly port: number
  kill(): Promise<void>
  start(): Promise<void>
  pause(): void
  resume(): void
}

async function fetchElasticsearch(version: ElasticsearchVersion): Promise<string> {
  const home = await cached(`elasticsearch-${version}`, async (work) => {
    progress(`fetching Elasticsearch ${version} ...`)
    const maven = await ensureTool('mvn')
    const artifact = `org.elasticsearch.distribution.integ-test-zip:elasticsearch:${version}:zip`
    execFileSync(maven, ['-q', '-B', '-C', 'dependency:get', `-Dartifact=${artifact}`, '-Dtransitive=false'], {
      stdio: ['ignore', 2, 2],
    })
    const repository = join(
      homedir(),
      '.m2/repository/org/elasticsearch/distribution/integ-test-zip/elasticsearch',
      version,
    )
    const zip = readdirSync(repository).find((name) => name.endsWith('.zip'))
    if (zip === undefined) throw new Error(`Elasticsearch ${version} did not arrive`)
    // Java unpacks it: `unzip` need not be there.
    execFileSync(join(await javaHome(17), 'bin/jar'), ['xf', join(repository, zip)], { cwd: work, stdio: 'pipe' })
  })
  const inner = readdirSync(home).find((name) => existsSync(join(home, name, 'bin/elasticsearch')))
  if (inner === undefined) throw new Error(`${home} is incomplete: remove it and start again`)
  return join(home, inner)
}

/** A private Elasticsearch node on loopback; gone with its folder at the end. */
export async function startElasticsearch({
  version = '8.19.9',
  extra = [],
  password,
}: ElasticsearchRequest = {}): Promise<Started<Elasticsearch>> {
  const [source, java, user] = [
    await fetchElasticsearch(version),
    await javaHome(version.startsWith('9') ? 21 : 17),
    serverUser(),
  ]
  const base = mkdtempSync(join(tmpdir(), 'thump-es-'))
  const [port = 0, transport = 0] = await freePorts(2)
  chmodSync(base, 0o755)
  const config = join(base, 'config')
  cpSync(join(source, 'config'), config, { recursive: true })
  const lines = [
    'discovery.type: single-node',
    `xpack.security.enabled: ${password !== undefined}`,
    ...(password === undefined
      ? []
      : ['xpack.security.http.ssl.enabled: false', 'xpack.security.transport.ssl.enabled: false']),
    'network.host: 127.0.0.1',
    `http.port: ${port}`,
    `transport.port: ${transport}`,
    `path.data: ${join(base, 'data')}`,
    `path.logs: ${join(base, 'logs')}`,
    'cluster.routing.allocation.disk.threshold_enabled: false',
  ]
  writeFileSync(join(config, 'elasticsearch.yml'), [...lines, ...extra].join('\n'))
  prepareBase(base, ['data', 'logs', 'tmp'], user)
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: base,
    LANG: 'C.UTF-8',
    ES_JAVA_HOME: java,
    ES_PATH_CONF: config,
    ES_TMPDIR: join(base, 'tmp'),
    ES_JAVA_OPTS: '-Xms512m -Xmx512m',
  }
  const guard = startGuard(base, 'remove')
  const url = `http://127.0.0.1:${port}`
  const start = async () => {
    startServerProcess({
      program: 'bash',
      args: [join(source, 'bin/elasticsearch')],
      env,
      base,
      user,
      logFile: join(base, 'stdout.log'),
    })
    const headers =
      password === undefined ? {} : { authorization: `Basic ${Buffer.from(`elastic:${password}`).toString('base64')}` }
    const deadline = Date.now() + 120_000
    while (!(await answers(`${url}/_cat/health`, headers))) {
      if (Date.now() > deadline || processesOf(base).length === 0)
        throw new Error(`Elasticsearch did not start: ${readFileSync(join(base, 'stdout.log'), 'utf8').slice(-1500)}`)
      await sleep(150)
    }
  }
  const stop = async () => {
    await stopProcesses(base, 3000)
    await guard.release()
  }
  const signal = (name: NodeJS.Signals) => {
    for (const pid of processesOf(base)) process.kill(pid, name)
  }
  if (password !== undefined) {
    execFileSync('bash', [join(source, 'bin/elasticsearch-keystore'), 'create', '-s'], {
      env: { ...env, THUMP_BASE: base },
      stdio: 'pipe',
      ...user,
    })
    execFileSync('bash', [join(source, 'bin/elasticsearch-keystore'), 'add', '-x', 'bootstrap.password'], {
      env: { ...env, THUMP_BASE: base },
      input: password,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...user,
    })
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  const value: Elasticsearch = {
    url,
    port,
    kill: async () => {
      signal('SIGKILL')
      while (processesOf(base).length > 0) await sleep(20)
    },
    start,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  }
  return { value, stop }
}

async function answers(url: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(3000) })
    return response.ok && /green|yellow/.test(await response.text())
  } catch {
    return false
  }
}
