/** A piece of memory that records are written into, one behind the other. */
export interface Slab {
  readonly buffer: Buffer
  /** Up to here it is written. */
  at: number
  /** Packs that are not yet acknowledged, and the writer. */
  users: number
}

const slabBytes = 1 << 20
const maxFree = 8

/** Slabs that come back: fresh memory costs more than all that is written into it. */
export class Slabs {
  readonly #free: Slab[] = []

  take(bytes: number): Slab {
    const free = bytes <= slabBytes ? this.#free.pop() : undefined
    if (!free) return { buffer: Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes)), at: 0, users: 1 }
    free.at = 0
    free.users = 1
    return free
  }

  release(slab: Slab): void {
    if (--slab.users === 0 && slab.buffer.length === slabBytes && this.#free.length < maxFree) this.#free.push(slab)
  }
}
