import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureTool } from './cache.ts'

/** A Java home of at least `major`; the newest found below that need. Unpacked from Debian where the machine has none. */
export async function javaHome(major: number): Promise<string> {
  const homes = ['/usr/lib/jvm', '/opt/java']
    .filter(existsSync)
    .flatMap((dir) => readdirSync(dir).map((name) => join(dir, name)))
  const usable = homes.map((home) => ({ home, version: versionOf(home) })).filter(({ version }) => version >= major)
  const best = usable.toSorted((a, b) => a.version - b.version)[0]
  if (best) return best.home
  if (major > 17) throw new Error(`Java ${major} or newer is needed; install one below /usr/lib/jvm`)
  // The wrapper lies beside the unpacked root.
  const unpacked = join(await ensureTool('java'), '../root/usr/lib/jvm')
  const found = readdirSync(unpacked).find((name) => versionOf(join(unpacked, name)) >= major)
  if (found === undefined) throw new Error(`no Java ${major} was found, and Debian's package brought none`)
  return join(unpacked, found)
}

function versionOf(home: string): number {
  const java = join(home, 'bin/java')
  if (!existsSync(java)) return 0
  try {
    const text = execFileSync(java, ['-XshowSettings:properties', '-version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return Number(/java\.specification\.version = (\d+)/.exec(text)?.[1] ?? majorFromRelease(home))
  } catch {
    return 0
  }
}

/** `-version` writes to standard error; the name of the folder is evidence enough when it was not captured. */
function majorFromRelease(home: string): number {
  return Number(/(\d+)/.exec(home.split('/').at(-1) ?? '')?.[1] ?? 0)
}
