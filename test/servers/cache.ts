import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unpackPackages } from '../../demo/broker/debian-packages.ts'
import { makeOnce } from '../../demo/broker/make-once.ts'
import { reachableDir } from '../../demo/broker/processes.ts'
import { libraryPath } from '../../demo/broker/relocate-erlang.ts'

const repository = join(import.meta.dirname, '../..')

/** Where downloaded servers are kept: git-ignored, below the repository unless `nobody` could not reach them there. */
export function cacheDir(): string {
  return reachableDir(process.env['THUMP_SERVERS_DIR'] ?? join(repository, '.servers'))
}

export const progress = (line: string) => void process.stderr.write(`servers: ${line}\n`)

/** Makes `name` in the cache once; two runs at the same time do not disturb one another. */
export const cached = (name: string, make: (work: string) => Promise<void> | void): Promise<string> =>
  makeOnce(join(cacheDir(), name), make)

/** Programs that tests and benchmarks need, and the Debian packages that bring them. */
const tools = {
  kcat: ['kcat'],
  java: ['openjdk-17-jre-headless'],
  mvn: ['maven'],
  openssl: ['openssl'],
  unzip: ['unzip'],
  rsyslogd: ['rsyslog', 'rsyslog-kafka'],
} as const satisfies Record<string, readonly string[]>

export type Tool = keyof typeof tools

/**
 * The path of a program: of this machine where it is installed, else of a wrapper around the same unpacked from Debian's
 * packages into the cache. Throws, with its name, where neither is to be had.
 */
export async function ensureTool(tool: Tool): Promise<string> {
  const found = spawnSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin; command -v "$0"', tool], { encoding: 'utf8' })
  if (found.status === 0) return found.stdout.trim()
  const packages = tools[tool]
  const home = await cached(`tool-${tool}`, async (work) => {
    progress(`${tool} is not installed: taking it from Debian's packages`)
    await unpackPackages({ codename: releaseCodename(), work, packages, onProgress: progress })
    writeFileSync(join(work, tool), wrapper(tool, work, join(cacheDir(), `tool-${tool}`)), { mode: 0o755 })
  })
  return join(home, tool)
}

function wrapper(tool: Tool, work: string, home: string): string {
  const places = ['usr/bin', 'usr/sbin', 'usr/share/maven/bin', 'usr/lib/jvm/java-17-openjdk-*/bin']
  const [found] = globSync(
    places.map((place) => `root/${place}/${tool}`),
    { cwd: work },
  )
  if (found === undefined) throw new Error(`${tools[tool].join(', ')} does not bring ${tool}`)
  const libraries = libraryPath(join(home, 'root'))
  // rsyslog looks for its modules where its package would have put them.
  const options = tool === 'rsyslogd' ? `-M ${libraries.replaceAll(/(?<=linux-gnu)(?=:|$)/g, '/rsyslog')}` : ''
  return `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${join(home, found)} ${options} "$@"\n`
}

function releaseCodename(): string {
  return /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'bookworm'
}
