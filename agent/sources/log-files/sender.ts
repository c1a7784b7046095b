import type { Logger } from '../../../runtime/log.ts'
import { sleep } from '../../../runtime/retry.ts'
import { unpack } from '../../../transport/packed-records.ts'
import type { PackedRecords } from '../../../transport/transport.ts'
import type { Emit } from '../../source.ts'
import type { Batch } from './generation.ts'

const maxCalls = 4

interface CallLimits {
  readonly bytes: number
  readonly records: number
}
/** Several of Kafka's batches: what is left over for the last, small one costs a request as a whole one does. */
const packedCall: CallLimits = { bytes: 4 << 20, records: 16_000 }
/** Records that go one by one are objects. */
const singleCall: CallLimits = { bytes: 1 << 20, records: 4000 }

interface Stream {
  readonly queue: Batch[]
  bytes: number
  isSending: boolean
}

/**
 * Hands batches to the transport: one call at a time for a stream, so that its order holds and what is acknowledged is
 * always a prefix of what was read; several streams share a call.
 */
export class Sender {
  readonly #emit: Emit
  readonly #signal: AbortSignal
  readonly #log: Logger
  readonly #onAcknowledged: () => void
  readonly #streams = new Map<string, Stream>()
  readonly #waiting = new Set<string>()
  #calls = 0
  bytes = 0

  constructor(deps: { emit: Emit; signal: AbortSignal; log: Logger; onAcknowledged: () => void }) {
    this.#emit = deps.emit
    this.#signal = deps.signal
    this.#log = deps.log
    this.#onAcknowledged = deps.onAcknowledged
  }

  get isIdle(): boolean {
    return this.#calls === 0 && this.#waiting.size === 0
  }

  bytesOf(stream: string): number {
    return this.#streams.get(stream)?.bytes ?? 0
  }

  push(batch: Batch): void {
    const name = batch.generation.saved.livePath
    let stream = this.#streams.get(name)
    if (!stream) this.#streams.set(name, (stream = { queue: [], bytes: 0, isSending: false }))
    stream.queue.push(batch)
    stream.bytes += batch.bytes
    this.bytes += batch.bytes
    this.#waiting.add(name)
  }

  /** Starts as many calls as may run. */
  pump(): void {
    while (this.#calls < maxCalls && !this.#signal.aborted) {
      const call = this.#collect()
      if (call.length === 0) return
      this.#calls++
      void this.#send(call)
    }
  }

  #collect(): Batch[] {
    const call: Batch[] = []
    const most = this.#emit.packed ? packedCall : singleCall
    let [bytes, records] = [0, 0]
    for (const name of this.#waiting) {
      const stream = this.#streams.get(name)
      if (!stream || stream.isSending) continue
      const before = call.length
      for (let next = stream.queue[0]; next && next.generation.isPersisted; next = stream.queue[0]) {
        if (call.length > 0 && (bytes + next.bytes > most.bytes || records + next.count > most.records)) break
        call.push(next)
        stream.queue.shift()
        bytes += next.bytes
        records += next.count
      }
      if (call.length > before) {
        stream.isSending = true
        this.#waiting.delete(name)
        // To the end of the line: whoever was passed over comes first next time.
        if (stream.queue.length > 0) this.#waiting.add(name)
      }
      if (bytes >= most.bytes) break
    }
    return call
  }

  async #send(call: readonly Batch[]): Promise<void> {
    const packs = call.flatMap(({ packed }) => packed.packs)
    for (let isSent = false; !isSent && !this.#signal.aborted; ) isSent = await this.#try(packs)
    this.#calls--
    if (this.#signal.aborted) return
    for (const batch of call) this.#acknowledge(batch)
    this.#onAcknowledged()
  }

  async #try(packs: readonly PackedRecords[]): Promise<boolean> {
    try {
      const [emit, signal] = [this.#emit, this.#signal]
      if (emit.packed) await emit.packed(packs, signal)
      else await emit.records(packs.flatMap(unpack), signal)
      return !this.#signal.aborted
    } catch (error) {
      if (this.#signal.aborted) return false
      this.#log.error({ err: error }, 'sending log records failed')
      await sleep(1000, this.#signal).catch(() => {})
      return false
    }
  }

  #acknowledge(batch: Batch): void {
    const stream = this.#streams.get(batch.generation.saved.livePath)
    batch.generation.acknowledge(batch)
    // Where records went one by one, somebody may look at their bytes still.
    if (this.#emit.packed) batch.packed.release()
    this.bytes -= batch.bytes
    if (!stream) return
    stream.bytes -= batch.bytes
    stream.isSending = false
    if (stream.queue.length === 0 && stream.bytes <= 0) this.#streams.delete(batch.generation.saved.livePath)
  }
}
