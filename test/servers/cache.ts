import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { isReachableByAll, serverUser } from '../../demo/broker/processes.ts'
import { unpackPackages } from '../../demo/broker/fetch-broker.ts'

const repository = join(import.meta.dirname, '../..')

/** Where downloaded servers are kept: git-ignored, below the repository unless `nobody` could not reach them there. */
export function cacheDir(): string {
  const wanted = process.env['THUMP_SERVERS_DIR'] ?? join(repository, '.servers')
  const isUsable = serverUser() === undefined || isReachableByAll(dirname(wanted))
  const dir = isUsable ? wanted : join(tmpdir(), 'thump-servers')
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  return dir
}

export const progress = (line: string) => void process.stderr.write(`servers: ${line}\n`)

/** Makes `name` in the cache once, atomically: two runs at the same time do not disturb one another. */
export async function cached(name: string, make: (work: string) => Promise<void> | void): Promise<string> {
  const home = join(cacheDir(), name)
  if (existsSync(home)) return home
  const work = `${home}.${process.pid}.tmp`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  try {
    await make(work)
    if (!existsSync(home)) renameSync(work, home)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return home
}

/** A program of this machine, or the same unpacked from Debian's packages into the cache; throws with its name where neither is to be had. */
export async function ensureTool(program: string, packages: readonly string[]): Promise<string> {
  const found = spawnSync('sh', ['-c', 'command -v "$0"', program], { encoding: 'utf8' })
  if (found.status === 0) return found.stdout.trim()
  const home = await cached(`tool-${program}`, async (work) => {
    await unpackPackages({ codename: releaseCodename(), work, packages, onProgress: progress })
    rmSync(join(work, 'apt'), { recursive: true, force: true })
  })
  const binary = ['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((dir) => join(home, 'root', dir, program)).find(existsSync)
  if (binary === undefined) throw new Error(`${program} is not installed and ${packages.join(', ')} does not bring it`)
  const wrapper = join(home, program)
  const libs = ['usr/lib', 'lib']
    .flatMap((dir) => [join(home, 'root', dir, `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`)])
    .join(':')
  writeFileSync(wrapper, `#!/bin/sh\nLD_LIBRARY_PATH=${libs} exec ${binary} "$@"\n`, { mode: 0o755 })
  return wrapper
}

function releaseCodename(): string {
  return /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'bookworm'
}

export function sha512Of(file: string): string {
  return createHash('sha512').update(readFileSync(file)).digest('hex')
}
