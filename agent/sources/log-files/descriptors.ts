import { closeSync, readFileSync } from 'node:fs'
import { errorCode, openForReading, statFile } from './evidence.ts'
import type { Generation } from './generation.ts'

/** Left free for the transport, the checkpoint, the health endpoint and folder listings. */
const reserved = 128

/** How many log files may be open at once under this process's own limit. */
export function openFilesLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    if (found) return Math.max(16, Number(found[1]) - reserved)
  } catch {
    // Not Linux: a modest number that every system grants.
  }
  return 800
}

/** The open files: never more than the limit, the longest quiet ones give way, and only where nothing of them is unread. */
export class Descriptors {
  readonly #open = new Set<Generation>()
  #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#open.size
  }

  /** Opens the generation's file; undefined on success, else why not. */
  open(generation: Generation): string | undefined {
    if (generation.fd !== undefined) return undefined
    if (this.#open.size >= this.#limit && !this.#giveWay()) return 'descriptor-limit'
    try {
      const fd = openForReading(generation.saved.path)
      const stat = statFile(fd)
      if (stat.ino !== generation.saved.ino || stat.birthNs !== generation.saved.birthNs) {
        closeSync(fd)
        return 'moved'
      }
      this.adopt(generation, fd)
      return undefined
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EMFILE' || code === 'ENFILE') {
        // The system knows better than the limit file: live with what is open, less a reserve.
        this.#limit = Math.max(8, Math.min(this.#limit, this.#open.size) - 8)
        while (this.#open.size > this.#limit && this.#giveWay());
      }
      return code
    }
  }

  adopt(generation: Generation, fd: number): void {
    generation.fd = fd
    generation.isConfirmed = false
    this.#open.add(generation)
  }

  close(generation: Generation): void {
    if (generation.fd === undefined) return
    closeSync(generation.fd)
    generation.fd = undefined
    this.#open.delete(generation)
  }

  /** Closes a file that belongs to no generation. */
  release(fd: number): void {
    closeSync(fd)
  }

  #giveWay(): boolean {
    let oldest: Generation | undefined
    for (const generation of this.#open) {
      if (generation.isDetached || !generation.isAtEnd || !generation.isAcknowledged) continue
      if (generation.scannedTo > generation.readTo || generation.saved.unpacked !== undefined) continue
      if (!oldest || generation.grewAtMs < oldest.grewAtMs) oldest = generation
    }
    if (!oldest) return false
    this.close(oldest)
    return true
  }
}
