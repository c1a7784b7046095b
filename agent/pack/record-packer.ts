import { schemaVersion } from '../../event/encode.ts'
import type { TopicName } from '../../event/topics.ts'
import type { PackedRecords } from '../../transport/transport.ts'
import { ByteWriter } from './byte-writer.ts'
import { releaseSlab, type Slab, slabRecords, takeSlab } from './slabs.ts'

/** Records packed together. `release` gives their memory back: once nobody reads them any more. */
export interface Packed {
  readonly packs: readonly PackedRecords[]
  readonly release: () => void
}

const headers = { schema: schemaVersion }

/** Collects encoded records into packs, without an object a record. One for all files: they are read one after another. */
export class RecordPacker {
  readonly out = new ByteWriter()
  #slab: Slab
  #packs: PackedRecords[] = []
  #held: Slab[] = []
  #topic: TopicName = 'APP'
  #key = ''
  /** Where the pack that is being made begins: its bytes, and which of the slab's records is its first. */
  #start = 0
  #first = 0
  /** Of the slab. */
  #count = 0

  constructor() {
    this.#slab = takeSlab(0)
    this.out.use(this.#slab.buffer, 0)
  }

  /** Begins a record of the topic and key, of `most` bytes at most. Write value and id to `out`, then `add` it. */
  begin(topic: TopicName, key: string, most: number): void {
    if (key !== this.#key || topic !== this.#topic) {
      this.#close()
      this.#topic = topic
      this.#key = key
    }
    if (this.#slab.buffer.length - this.out.at >= most && this.#count < slabRecords) return
    this.#close()
    releaseSlab(this.#slab)
    this.#slab = takeSlab(most)
    this.out.use(this.#slab.buffer, 0)
    this.#start = 0
    this.#first = 0
    this.#count = 0
  }

  /** The record is written: its value up to `valueEnd`, its id from there to the writer's place. */
  add(valueEnd: number, timeMs: number): void {
    const { bounds, timesMs } = this.#slab
    const index = this.#count++
    bounds[2 * index] = valueEnd
    bounds[2 * index + 1] = this.out.at
    timesMs[index] = Math.trunc(timeMs)
  }

  /** What was written since the last call. */
  take(): Packed {
    this.#close()
    const [packs, held] = [this.#packs, this.#held]
    this.#packs = []
    this.#held = []
    return { packs, release: () => held.splice(0).forEach(releaseSlab) }
  }

  #close(): void {
    const [slab, first, end] = [this.#slab, this.#first, this.#count]
    if (end === first) return
    this.#packs.push({
      topic: this.#topic,
      key: this.#key,
      headers,
      bytes: slab.buffer,
      start: this.#start,
      bounds: slab.bounds.subarray(2 * first, 2 * end),
      timesMs: slab.timesMs.subarray(first, end),
    })
    slab.users++
    this.#held.push(slab)
    this.#first = end
    this.#start = this.out.at
  }
}
