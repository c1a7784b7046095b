import { letGoAtRest } from '../../runtime/give-back.ts'

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
 * Slabs that came back, of all packers: fresh memory costs more than all that is written into it. What is fresh outside of
 * V8's heap, and outlives its young garbage, also makes it collect all of its garbage the sooner.
 */
const free: Slab[] = []
letGoAtRest(() => (free.length = 0))

/** Has room for so many bytes, and one user. */
export function takeSlab(bytes: number): Slab {
  const slab = bytes <= slabBytes ? free.pop() : undefined
  if (!slab) return fresh(Math.max(slabBytes, bytes))
  slab.users = 1
  return slab
}

/** One user less; after the last nobody may read it. */
export function releaseSlab(slab: Slab): void {
  if (--slab.users === 0 && slab.buffer.length === slabBytes && free.length < maxFree) free.push(slab)
}

const fresh = (bytes: number): Slab => ({
  buffer: Buffer.allocUnsafeSlow(bytes),
  bounds: new Uint32Array(2 * slabRecords),
  timesMs: new Float64Array(slabRecords),
  users: 1,
})
