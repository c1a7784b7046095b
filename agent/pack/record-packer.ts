import { schemaVersion } from '../../event/encode.ts'
import type { TopicName } from '../../event/topics.ts'
import type { PackedRecords } from '../../transport/packed-records.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Slab, Slabs } from './slabs.ts'

/** Records packed together. `release` gives their memory back: once nobody reads them any more. */
export interface Packed {
  readonly packs: readonly PackedRecords[]
  readonly release: () => void
}

const headers = { schema: schemaVersion }

/** Collects encoded records into packs, without an object a record. One for all files: they are read one after another. */
export class RecordPacker {
  readonly out = new ByteWriter()
  readonly #slabs = new Slabs()
  #slab: Slab
  #packs: PackedRecords[] = []
  #held: Slab[] = []
  #topic: TopicName = 'APP'
  #key = ''
  #start = 0
  /** Of the pack that is being made: outside of V8's young memory, which would copy them about while they grow. */
  #bounds = new Uint32Array(2 << 10)
  #timesMs = new Float64Array(1 << 10)
  #count = 0

  constructor() {
    this.#slab = this.#slabs.take(0)
    this.out.use(this.#slab.buffer, 0)
  }

  /** Begins a record of the topic and key, of `most` bytes at most. Write value and id to `out`, then `add` it. */
  begin(topic: TopicName, key: string, most: number): void {
    if (key !== this.#key || topic !== this.#topic) {
      this.#close()
      this.#topic = topic
      this.#key = key
    }
    if (this.#slab.buffer.length - this.out.at >= most) return
    this.#close()
    this.#slabs.release(this.#slab)
    this.#slab = this.#slabs.take(most)
    this.out.use(this.#slab.buffer, 0)
    this.#start = 0
  }

  /** The record is written: its value up to `valueEnd`, its id from there to the writer's place. */
  add(valueEnd: number, timeMs: number): void {
    if (this.#count === this.#timesMs.length) this.#grow()
    const index = this.#count++
    this.#bounds[2 * index] = valueEnd
    this.#bounds[2 * index + 1] = this.out.at
    this.#timesMs[index] = Math.trunc(timeMs)
  }

  #grow(): void {
    const [bounds, timesMs] = [this.#bounds, this.#timesMs]
    this.#bounds = new Uint32Array(2 * bounds.length)
    this.#bounds.set(bounds)
    this.#timesMs = new Float64Array(2 * timesMs.length)
    this.#timesMs.set(timesMs)
  }

  /** What was written since the last call. */
  take(): Packed {
    this.#close()
    const [packs, held] = [this.#packs, this.#held]
    this.#packs = []
    this.#held = []
    return { packs, release: () => held.splice(0).forEach((slab) => this.#slabs.release(slab)) }
  }

  #close(): void {
    if (this.#count === 0) return
    this.#packs.push({
      topic: this.#topic,
      key: this.#key,
      headers,
      bytes: this.#slab.buffer,
      start: this.#start,
      bounds: this.#bounds.slice(0, 2 * this.#count),
      timesMs: this.#timesMs.slice(0, this.#count),
    })
    this.#slab.users++
    this.#held.push(this.#slab)
    this.#count = 0
    this.#start = this.out.at
  }
}
