import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, openSync, readdirSync, closeSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { baseVariable, type ServerUser } from './processes.ts'

/** Watches over the processes of `base` so that none outlives us, whatever happens to us. */
export function startGuard(base: string, after: 'keep' | 'remove'): { release(): Promise<void> } {
  const guard = spawn(process.execPath, [join(import.meta.dirname, 'guard.ts'), base, after], {
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

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer()
      return new Promise<typeof server>((resolve, reject) => {
        server.once('error', reject)
        server.listen(0, '127.0.0.1', () => resolve(server))
      })
    }),
  )
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve()))))
  return ports
}
