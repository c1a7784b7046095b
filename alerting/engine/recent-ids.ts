import type { SeenIds } from './seen-ids.ts'

/** Room for each id, of which three bits are set in each of two words. At the limit about one new id in ten thousand must be looked for. */
const bitsPerId = 64
const bitsPerIdAtLimit = 32
const leastBits = 2 ** 22
const mostBits = 2 ** 28

/**
 * Ids that any rule has seen, as a few bits each: an event is asked about once, and where one of them is unset no rule looks among
 * its own. What is forgotten stays until it is made anew; it costs a look, never an answer.
 */
export class RecentIds {
  #bits = new Int32Array(leastBits / 32)
  #held = 0
  #limit = leastBits / bitsPerIdAtLimit
  #lastId: string | undefined
  #hash = 0

  /** False: certainly none has seen it. */
  mayHold(id: string): boolean {
    const hash = this.#hashOf(id)
    const mask = maskOf(hash)
    // Of nearly all that are new the first word tells.
    if (((this.#bits[this.#wordOf(hash)] as number) & mask) !== mask) return false
    return ((this.#bits[this.#secondOf(hash)] as number) & mask) === mask
  }

  add(id: string): void {
    const hash = this.#hashOf(id)
    const mask = maskOf(hash)
    const word = this.#wordOf(hash)
    const second = this.#secondOf(hash)
    const bits = this.#bits[word] as number
    const others = this.#bits[second] as number
    if ((bits & mask) === mask && (others & mask) === mask) return
    this.#bits[word] = bits | mask
    this.#bits[second] = (this.#bits[second] as number) | mask
    this.#held++
  }

  /** So much was added that it tells little: it is to be made anew. */
  get isFull(): boolean {
    return this.#held > this.#limit
  }

  /** Made anew from all that the rules still know. */
  renew(known: readonly SeenIds[]): void {
    const entries = known.reduce((sum, { size }) => sum + size, 0)
    // Several rules may know the same ids. How many differ is known once there is room for them.
    do {
      const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, Math.min(entries, this.#held)) * bitsPerId))
      this.#bits = new Int32Array(Math.min(mostBits, Math.max(leastBits, wanted)) / 32)
      this.#held = 0
      for (const ids of known) for (const id of ids.all()) this.add(id)
    } while (this.#held > this.#roomFor && this.#held < entries && this.#bits.length * 32 < mostBits)
    this.#limit = Math.max(this.#roomFor, this.#held * 2)
  }

  get #roomFor(): number {
    return (this.#bits.length * 32) / bitsPerIdAtLimit
  }

  #wordOf(hash: number): number {
    return Math.imul(hash, 0x85ebca6b) >>> (Math.clz32(this.#bits.length) + 1)
  }

  #secondOf(hash: number): number {
    return Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> (Math.clz32(this.#bits.length) + 1)
  }

  /** FNV-1a; an id that is added was asked about just before. */
  #hashOf(id: string): number {
    if (id === this.#lastId) return this.#hash
    let hash = 0x811c9dc5
    for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)
    this.#lastId = id
    this.#hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1)
    return this.#hash
  }
}

function maskOf(hash: number): number {
  const bits = hash ^ (hash >>> 16)
  return (1 << bits) | (1 << (bits >>> 5)) | (1 << (bits >>> 10))
}
