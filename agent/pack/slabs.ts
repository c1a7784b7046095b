/** A piece of memory that records are written into, one behind the other. */
export interface Slab {
  readonly buffer: Buffer
  /** Two numbers a record: where its value ends, and where its id does. */
  readonly bounds: Uint32Array
  readonly timesMs: Float64Array
  /** Packs that are not yet acknowledged, and the writer. */
  users: number
}

const slabBytes = 1 << 20
/** Records a slab holds: as a rule its bytes are full first. */
export const slabRecords = 4 << 10
const maxFree = 8

/**
 * Slabs that come back: fresh memory costs more than all that is written into it. What is fresh outside of V8's heap, and
 * outlives its young garbage, also makes it collect all of its garbage the sooner.
 */
export class Slabs {
  readonly #free: Slab[] = []

  take(bytes: number): Slab {
    const free = bytes <= slabBytes ? this.#free.pop() : undefined
    if (!free) return fresh(Math.max(slabBytes, bytes))
    free.users = 1
    return free
  }

  release(slab: Slab): void {
    if (--slab.users === 0 && slab.buffer.length === slabBytes && this.#free.length < maxFree) this.#free.push(slab)
  }
}

const fresh = (bytes: number): Slab => ({
  buffer: Buffer.allocUnsafeSlow(bytes),
  bounds: new Uint32Array(2 * slabRecords),
  timesMs: new Float64Array(slabRecords),
  users: 1,
})
