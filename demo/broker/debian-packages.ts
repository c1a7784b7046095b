import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'

export interface UnpackRequest {
  /** A Debian release. A Debian-family system that is not Debian has its own release only, and takes that. */
  readonly codename: string
  readonly work: string
  readonly packages: readonly string[]
  readonly onProgress: (line: string) => void
}

/**
 * Downloads packages and all they depend on with an apt state of its own, and unpacks them into `work/root`. Needs no root
 * and changes nothing of the system; apt checks signatures and sums. Throws UnavailableError with what is missing.
 */
export async function unpackPackages({ codename, work, packages, onProgress }: UnpackRequest): Promise<void> {
  const own = ownSources()
  if (own === undefined)
    throw new UnavailableError(
      packages.join(', '),
      new Error(`not installed, and this system has no apt sources of a Debian family to take it from`),
    )
  const release = own.isDebian ? codename : own.codename
  const apt = join(work, 'apt')
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'prefs', 'sources'])
    mkdirSync(join(apt, folder), { recursive: true })
  mkdirSync(join(work, 'root'), { recursive: true })
  writeFileSync(join(apt, 'status'), '')
  writeFileSync(join(apt, 'sources', own.name), sourcesFor(own.text, own.codename, release))
  const options = aptOptions(apt)
  onProgress(`reading the package lists of ${release} ...`)
  await run('apt-get', [...options, '-qq', 'update'])
  onProgress(`downloading ${packages.join(', ')} and what they need ...`)
  await run('apt-get', [...options, '-qq', '-y', '--download-only', 'install', ...packages])
  const archives = join(apt, 'cache/archives')
  const debs = readdirSync(archives).filter((name) => name.endsWith('.deb'))
  onProgress(`unpacking ${debs.length} packages ...`)
  for (const deb of debs) await run('dpkg', ['-x', join(archives, deb), join(work, 'root')])
  rmSync(apt, { recursive: true, force: true })
}

function aptOptions(apt: string): string[] {
  return [
    `Dir::State=${join(apt, 'state')}`,
    `Dir::State::status=${join(apt, 'status')}`,
    `Dir::Cache=${join(apt, 'cache')}`,
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${join(apt, 'sources')}`,
    `Dir::Etc::preferencesparts=${join(apt, 'prefs')}`,
    'APT::Install-Recommends=false',
    'APT::Get::List-Cleanup=0',
    'Debug::NoLocking=1',
    // As root, apt would fetch as the user _apt, who need not be able to write here.
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option])
}

/** apt's sources of one release, rewritten for another: in the lines that name releases, the release alone changes. */
export function sourcesFor(text: string, from: string, to: string): string {
  // Third parties name suites of their own after a release, e.g. `tool-bookworm`: those are not Debian's.
  const name = new RegExp(String.raw`(?<=[\s])${from}(?=[-/\s]|$)`, 'g')
  return text
    .split('\n')
    .map((line) => (/^\s*(Suites:|deb\s)/.test(line) ? line.replaceAll(name, to) : line))
    .join('\n')
}

interface OwnSources {
  readonly name: string
  readonly text: string
  readonly codename: string
  readonly isDebian: boolean
}

/** This machine's own sources, in either of apt's formats, and the release they name. */
function ownSources(): OwnSources | undefined {
  const release = readIf('/etc/os-release') ?? ''
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(release)?.[1]
  const id = /^ID=(\S+)/m.exec(release)?.[1]
  if (codename === undefined) return undefined
  for (const file of [`/etc/apt/sources.list.d/${id}.sources`, '/etc/apt/sources.list']) {
    const text = readIf(file)
    if (text?.includes(codename))
      return { name: file.endsWith('.sources') ? 'd.sources' : 'd.list', text, codename, isDebian: id === 'debian' }
  }
  return undefined
}

function readIf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
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
