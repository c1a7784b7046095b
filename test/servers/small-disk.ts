import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Started } from '../../runtime/shutdown.ts'

export interface SmallDisk {
  readonly dir: string
  /** Takes every byte that is left: the next write fails with ENOSPC. */
  fill(): void
  /** Gives them back. */
  relieve(): void
}

/** A file system of its own of `bytes`, to fill up. Needs root and the right to mount; fails with that reason otherwise. */
export function startSmallDisk(bytes: number): Started<SmallDisk> {
  const dir = mkdtempSync(join(tmpdir(), 'thump-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0777`, 'tmpfs', dir], { stdio: 'pipe' })
  } catch (cause) {
    rmSync(dir, { recursive: true, force: true })
    throw new Error('a disk of limited size needs root and the right to mount a tmpfs', { cause })
  }
  const ballast = join(dir, '.ballast')
  const value: SmallDisk = {
    dir,
    fill: () => {
      for (let left = freeBytes(dir); left > 0; left = freeBytes(dir)) {
        try {
          writeFileSync(ballast, Buffer.alloc(Math.min(left, 1 << 20)), { flag: 'a' })
        } catch {
          return
        }
      }
    },
    relieve: () => rmSync(ballast, { force: true }),
  }
  const stop = async () => {
    execFileSync('umount', ['-l', dir], { stdio: 'pipe' })
    rmSync(dir, { recursive: true, force: true })
  }
  return { value, stop }
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
