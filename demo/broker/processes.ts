import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sleep } from '../../runtime/retry.ts'

/** In the environment of every process we start, and so of those they start in turn (Erlang's epmd outlives its broker). */
export const baseVariable = 'THUMP_BASE'

/** Pids of running processes that carry our marker: ours by proof, not by a number in a stale file. Linux only. */
export function processesOf(base: string): number[] {
  const marker = `${baseVariable}=${base}`
  return pids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(marker) && !isGuard(pid)
    } catch {
      return false
    }
  })
}

function isGuard(pid: number): boolean {
  return pid === process.pid || /\/guard\.[jt]s\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/** Ends every process of `base`: asked first, killed after `patienceMs`. */
export async function stopProcesses(base: string, patienceMs: number): Promise<void> {
  signalAll(base, 'SIGTERM')
  const deadline = Date.now() + patienceMs
  while (processesOf(base).length > 0 && Date.now() < deadline) await sleep(50)
  while (processesOf(base).length > 0) {
    signalAll(base, 'SIGKILL')
    await sleep(20)
  }
}

function signalAll(base: string, signal: NodeJS.Signals): void {
  for (const pid of processesOf(base)) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended by itself.
    }
  }
}

/** May any user reach this folder, or the nearest one above it that exists? A server that runs as `nobody` must. */
export function isReachableByAll(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o005) !== 0o005) return false
    if (at === dirname(at)) return true
  }
}

/**
 * The folder itself, or, where we are root and `nobody` could not reach it (a clone below /root), one in /var/tmp that
 * stands for it.
 */
export function reachableDir(wanted: string): string {
  if (serverUser() === undefined || isReachableByAll(wanted)) return wanted
  return join('/var/tmp', `thump-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`)
}

/** Pids of the guards of `base`: while there is one, another process of ours uses the folder or is being cleaned up after. */
export function guardsOf(base: string): number[] {
  return pids().filter((pid) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
      return args.includes(base) && args.some((arg) => arg.endsWith('/guard.ts') || arg.endsWith('/guard.js'))
    } catch {
      return false
    }
  })
}

export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** Servers never run as root: `nobody` then. Undefined = as we are. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  return { uid: Number(entry?.[1] ?? 65_534), gid: Number(entry?.[2] ?? 65_534) }
}
