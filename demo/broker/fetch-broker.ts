import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  closeSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'

/** A Debian release and the RabbitMQ it carries: bookworm 3.10, trixie 4.0. */
export type Codename = 'bookworm' | 'trixie'

export interface FetchRequest {
  readonly codename: Codename
  /** Where the unpacked root is kept; reused when complete. */
  readonly dir: string
  readonly onProgress: (line: string) => void
}

/** Where a RabbitMQ lies: `sbin` holds rabbitmq-server, `erlangBin` the erl it needs. */
export interface BrokerRoot {
  readonly root: string
  readonly sbin: string
  readonly erlangBin: string
  /** Erlang's root, for releases that were moved. */
  readonly erlangRoot?: string
}

/** The RabbitMQ installed on this machine, run without its user-switching wrappers; undefined where there is none. */
export function installedBroker(): BrokerRoot | undefined {
  const sbin = '/usr/lib/rabbitmq/bin'
  if (!existsSync(join(sbin, 'rabbitmq-server'))) return undefined
  const erlangBin = ['/usr/lib/erlang/bin', '/usr/local/lib/erlang/bin', '/usr/bin'].find((dir) =>
    existsSync(join(dir, 'erl')),
  )
  return erlangBin === undefined ? undefined : { root: '/', sbin, erlangBin }
}

/**
 * Unpacks RabbitMQ and its Erlang from Debian's own packages, without root and without touching the system. Atomic: the
 * folder appears under its name only when complete. Throws UnavailableError with what is missing.
 */
export async function fetchBroker({ codename, dir, onProgress }: FetchRequest): Promise<BrokerRoot> {
  const home = join(dir, `rabbitmq-${codename}`)
  if (!existsSync(home)) {
    const work = `${home}.${process.pid}.tmp`
    rmSync(work, { recursive: true, force: true })
    try {
      await unpackPackages({ codename, work, packages: ['rabbitmq-server'], onProgress })
      relocateErlang(join(work, 'root'), join(home, 'root'))
      rmSync(join(work, 'apt'), { recursive: true, force: true })
      // Another process may have been faster: its result is as good.
      if (!existsSync(home)) renameSync(work, home)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
    onProgress(`RabbitMQ of Debian ${codename} unpacked`)
  }
  return unpackedBroker(join(home, 'root'))
}

function unpackedBroker(root: string): BrokerRoot {
  const lib = join(root, 'usr/lib/rabbitmq/lib')
  const server = readdirSync(lib).find((name) => name.startsWith('rabbitmq_server-'))
  if (server === undefined)
    throw new UnavailableError(`RabbitMQ below ${root}`, new Error('remove the folder and start again'))
  return {
    root,
    sbin: join(lib, server, 'sbin'),
    erlangBin: join(root, 'usr/lib/erlang/bin'),
    erlangRoot: join(root, 'usr/lib/erlang'),
  }
}

export interface UnpackRequest {
  readonly codename: string
  readonly work: string
  readonly packages: readonly string[]
  readonly onProgress: (line: string) => void
}

/** Downloads packages and what they depend on with an apt state of its own, and unpacks them into `work/root`. */
export async function unpackPackages({ codename, work, packages, onProgress }: UnpackRequest): Promise<void> {
  const sources = debianSources()
  if (sources === undefined)
    throw new UnavailableError(
      'Debian packages',
      new Error('this is no Debian-family system with apt sources; install rabbitmq-server and start again'),
    )
  const apt = join(work, 'apt')
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'prefs', 'sources'])
    mkdirSync(join(apt, folder), { recursive: true })
  mkdirSync(join(work, 'root'), { recursive: true })
  writeFileSync(join(apt, 'status'), '')
  writeFileSync(
    join(apt, 'sources', sources.name),
    sources.text.replaceAll(new RegExp(`\\b${sources.codename}\\b`, 'g'), codename),
  )
  const options = [
    'Dir::State=' + join(apt, 'state'),
    'Dir::State::status=' + join(apt, 'status'),
    'Dir::Cache=' + join(apt, 'cache'),
    'Dir::Etc::sourcelist=/dev/null',
    'Dir::Etc::sourceparts=' + join(apt, 'sources'),
    'Dir::Etc::preferencesparts=' + join(apt, 'prefs'),
    'APT::Install-Recommends=false',
    'APT::Get::List-Cleanup=0',
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option])
  onProgress(`reading package lists of Debian ${codename} ...`)
  await run('apt-get', [...options, '-qq', 'update'])
  onProgress(`downloading ${packages.join(', ')} and what they need ...`)
  await run('apt-get', [...options, '-qq', '-y', '--download-only', 'install', ...packages])
  const archives = join(apt, 'cache/archives')
  const debs = readdirSync(archives).filter((name) => name.endsWith('.deb'))
  onProgress(`unpacking ${debs.length} packages ...`)
  for (const deb of debs) await run('dpkg', ['-x', join(archives, deb), join(work, 'root')])
}

/** This machine's Debian sources, in either of apt's formats, and the release they name. */
function debianSources(): { name: string; text: string; codename: string } | undefined {
  const release = readIf('/etc/os-release')
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(release ?? '')?.[1]
  if (codename === undefined) return undefined
  for (const file of ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']) {
    const text = readIf(file)
    if (text?.includes(codename)) return { name: file.endsWith('.sources') ? 'd.sources' : 'd.list', text, codename }
  }
  return undefined
}

function readIf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/**
 * Erlang of another release needs that release's C library: each of its programs is wrapped to go through the loader it
 * came with. `finalRoot` is where the folder will lie.
 */
function relocateErlang(root: string, finalRoot: string): void {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const at = (path: string) => join(finalRoot, path.slice(root.length))
  const loader = walk(root)
    .filter((file) => /\/ld-linux-[^/]*\.so\.[0-9]+$/.test(file))
    .toSorted()[0]
  if (loader === undefined) throw new UnavailableError('the C library of the unpacked release')
  const libs = [`lib/${arch}-linux-gnu`, `usr/lib/${arch}-linux-gnu`, `usr/lib/${arch}-linux-gnu/systemd`]
    .map((path) => join(finalRoot, path))
    .join(':')
  const erlang = join(root, 'usr/lib/erlang')
  for (const file of walk(erlang)) {
    if (file.endsWith('.so') || (statSync(file).mode & 0o100) === 0 || !isElf(file)) continue
    renameSync(file, `${file}.elf`)
    writeFileSync(file, `#!/bin/sh\nexec ${at(loader)} --library-path ${libs} --argv0 "$0" ${at(file)}.elf "$@"\n`)
    chmodSync(file, 0o755)
  }
  for (const file of walk(erlang).filter((name) => name.endsWith('/bin/erl'))) {
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replaceAll('=/usr/lib/erlang', `=${join(finalRoot, 'usr/lib/erlang')}`),
    )
  }
}

function isElf(file: string): boolean {
  const head = Buffer.alloc(4)
  const descriptor = openSync(file, 'r')
  try {
    return readSync(descriptor, head, 0, 4, 0) === 4 && head.toString('latin1') === '\u007fELF'
  } finally {
    closeSync(descriptor)
  }
}

function walk(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : []
  })
}

/** Runs a program to its end; throws with the end of what it said when it fails. */
function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    })
    let said = ''
    const keep = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (cause) => reject(new UnavailableError(program, cause)))
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new UnavailableError(program, new Error(said.trim() || `exit ${code}`))),
    )
  })
}
