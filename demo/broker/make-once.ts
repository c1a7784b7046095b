import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sleep } from '../../runtime/retry.ts'

/**
 * Makes a folder once, whoever asks and how often: `make` fills a working folder beside it, which gets the name only when
 * complete. Others that ask meanwhile, in other processes too, wait for it; what a killed one left is removed.
 */
export async function makeOnce(home: string, make: (work: string) => Promise<void> | void): Promise<string> {
  if (existsSync(home)) return home
  mkdirSync(dirname(home), { recursive: true, mode: 0o755 })
  const work = `${home}.${process.pid}.tmp`
  const lock = `${home}.lock`
  while (!takeLock(lock)) {
    if (existsSync(home)) return home
    await sleep(200)
  }
  try {
    if (existsSync(home)) return home
    removeLeftovers(home)
    mkdirSync(work)
    await make(work)
    renameSync(work, home)
    return home
  } finally {
    rmSync(work, { recursive: true, force: true })
    rmSync(lock, { force: true })
  }
}

/** The lock holds its owner's pid: one that no longer runs has lost it. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const owner = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
    // Empty for the moment between its creation and its first byte.
    if (owner > 0 && !isRunning(owner)) rmSync(lock, { force: true })
    return false
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Working folders of processes that were killed. Called under the lock, so that none is in use. */
function removeLeftovers(home: string): void {
  const dir = dirname(home)
  for (const name of readdirSync(dir))
    if (name.startsWith(`${basename(home)}.`) && name.endsWith('.tmp'))
      rmSync(join(dir, name), { recursive: true, force: true })
}
