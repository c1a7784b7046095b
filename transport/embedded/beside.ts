import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inboxDir } from './inbox.ts'

/** Offsets and their write-ahead log, and what other processes leave, may grow so much between two looks. */
const leastBytes = 512 * 1024

/** What lies in the log's folder beside its segments, at least what is kept free for it. */
export function bytesBeside(dir: string): number {
  return Math.max(leastBytes, bytesIn(dir) + bytesIn(inboxDir(dir)))
}

/** Of the files of one folder, without those below. */
function bytesIn(dir: string): number {
  let names: string[]
  try {
    names = readdirSync(dir)
  } catch {
    return 0
  }
  return names.reduce((sum, name) => {
    const found = statSync(join(dir, name), { throwIfNoEntry: false })
    return sum + (found?.isFile() === true ? found.size : 0)
  }, 0)
}
