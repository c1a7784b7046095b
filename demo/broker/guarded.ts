import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, openSync, readdirSync, closeSync } from 'node:fs'
import { extname, join } from 'node:path'
import { baseVariable, type ServerUser } from './processes.ts'

/** Beside this file, with its extension: the image runs compiled code. */
const guardProgram = join(import.meta.dirname, `guard${extname(import.meta.filename)}`)

/** Watches over the processes of `base` so that none outlives us, whatever happens to us. */
export function startGuard(base: string, after: 'keep' | 'remove'): { release(): Promise<void> } {
  const guard = spawn(process.execPath, [guardProgram, base, after], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const ended = new Promise<void>((resolve) => void guard.once('exit', () => resolve()))
  // The guard must not keep us alive, and its pipe breaking is no event of ours.
  guard.unref()
  guard.stdin.on('error', () => {})
  return {
    release: async () => {
      guard.ref()
      guard.stdin.end()
      await ended
    },
  }
}

export interface ServerCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly base: string
  readonly user: ServerUser | undefined
  /** Standard output and error go here. */
  readonly logFile: string
}

/** Starts a server process marked as ours. Its environment is exactly `env`: nothing of this machine's leaks in. */
export function startServerProcess({ program, args, env, base, user, logFile }: ServerCommand): ChildProcess {
  const output = openSync(logFile, 'a')
  try {
    return spawn(program, args, {
      cwd: base,
      env: { ...env, [baseVariable]: base },
      stdio: ['ignore', output, output],
      detached: true,
      ...user,
    })
  } finally {
    closeSync(output)
  }
}

/** Makes folders below `base` that the server's user may write. */
export function prepareBase(base: string, folders: readonly string[], user: ServerUser | undefined): void {
  for (const folder of ['', ...folders]) {
    const path = join(base, folder)
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o755)
  }
  if (user) giveTo(base, user)
}

export function giveTo(path: string, { uid, gid }: ServerUser): void {
  chownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) giveTo(child, { uid, gid })
    else if (!entry.isSymbolicLink()) chownSync(child, uid, gid)
  }
}
