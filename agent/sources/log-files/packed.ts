import { closeSync, createReadStream, mkdirSync, openSync, rmSync } from 'node:fs'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Found } from './look.ts'
import { statFile } from './evidence.ts'

/** What became of a packed file: unpacked into an open, nameless temporary file, or not. */
export type Unpacked =
  | { readonly kind: 'ready'; readonly fd: number; readonly size: number }
  /** Still being written, most likely: worth another try when it changes. */
  | { readonly kind: 'broken'; readonly error: string }

/**
 * Unpacks rotated files one at a time into `folder`. An unpacked file has no name any more, so nothing is left behind by a
 * crash but what `clear` removes; it is read like any other file, from any position.
 */
export function createUnpacker(folder: string, onDone: () => void) {
  const results = new Map<string, Unpacked>()
  const queue: Array<{ key: string; path: string }> = []
  let running: Promise<void> | undefined
  const stopping = new AbortController()
  const keyOf = ({ stat }: Found) => `${stat.ino} ${stat.birthNs} ${stat.size} ${stat.mtimeMs}`
  const work = async () => {
    for (let next = queue[0]; next && !stopping.signal.aborted; next = queue[0]) {
      const result = await unpack(next.path, folder, stopping.signal)
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
        if (result.kind === 'ready') results.delete(key)
        return result
      }
      if (!queue.some((entry) => entry.key === key)) queue.push({ key, path: found.path })
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

async function unpack(path: string, folder: string, signal: AbortSignal): Promise<Unpacked> {
  const target = join(folder, 'unpacked')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    await pipeline(createReadStream(path), createGunzip(), createWriteStream(target, { mode: 0o600 }), { signal })
    const fd = openSync(target, 'r')
    return { kind: 'ready', fd, size: statFile(fd).size }
  } catch (error) {
    return { kind: 'broken', error: error instanceof Error ? error.message : String(error) }
  } finally {
    rmSync(target, { force: true })
  }
}
