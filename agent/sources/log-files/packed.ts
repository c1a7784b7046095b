import { closeSync, createReadStream, createWriteStream, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Found } from './look.ts'
import { errorCode, openForReading, statFile } from './evidence.ts'

/** What became of a packed file: unpacked into an open, nameless temporary file, or not. */
export type Unpacked =
  | { readonly kind: 'ready'; readonly fd: number; readonly size: number }
  /** No gzip, or half of one: still being written, most likely. Worth another try when it changes. */
  | { readonly kind: 'broken' }
  /** Says nothing of the file: renamed meanwhile, no descriptor left, a full disk. Asking again tries again. */
  | { readonly kind: 'failed'; readonly code: string }

/**
 * Unpacks rotated files one at a time into `folder`. An unpacked file has no name any more, so nothing is left behind by a
 * crash but what `clear` removes; it is read like any other file, from any position.
 */
export function createUnpacker(folder: string, onDone: () => void) {
  const results = new Map<string, Unpacked>()
  const queue: Array<{ readonly key: string; found: Found }> = []
  let running: Promise<void> | undefined
  const stopping = new AbortController()
  const keyOf = ({ stat }: Found) => `${stat.ino} ${stat.birthNs} ${stat.size} ${stat.mtimeMs}`
  const work = async () => {
    for (let next = queue[0]; next && !stopping.signal.aborted; next = queue[0]) {
      const result = await unpack(next.found, folder, stopping.signal)
      queue.shift()
      results.set(next.key, result)
      onDone()
    }
    running = undefined
  }
  return {
    /** The result once there is one; asking starts the work. A ready file belongs to the asker from then on. */
    ask(found: Found): Unpacked | 'pending' {
      const key = keyOf(found)
      const result = results.get(key)
      if (result) {
        if (result.kind !== 'broken') results.delete(key)
        return result
      }
      const waiting = queue.find((entry) => entry.key === key)
      // Rotation may have given it another name since.
      if (waiting) waiting.found = found
      else queue.push({ key, found })
      running ??= work()
      return 'pending'
    },
    clear: () => rmSync(folder, { recursive: true, force: true }),
    async stop(): Promise<void> {
      stopping.abort(new Error('stopping'))
      await running
      for (const result of results.values()) if (result.kind === 'ready') closeSync(result.fd)
      results.clear()
    },
  }
}

async function unpack({ path, stat }: Found, folder: string, signal: AbortSignal): Promise<Unpacked> {
  const target = join(folder, 'unpacked')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const source = openForReading(path)
    const { ino, birthNs } = statFile(source)
    if (ino !== stat.ino || birthNs !== stat.birthNs) {
      closeSync(source)
      return { kind: 'failed', code: 'MOVED' }
    }
    const plain = createWriteStream(target, { mode: 0o600 })
    await pipeline(createReadStream('', { fd: source }), createGunzip(), plain, { signal })
    const fd = openSync(target, 'r')
    return { kind: 'ready', fd, size: statFile(fd).size }
  } catch (error) {
    const code = errorCode(error)
    return code.startsWith('Z_') ? { kind: 'broken' } : { kind: 'failed', code }
  } finally {
    rmSync(target, { force: true })
  }
}
