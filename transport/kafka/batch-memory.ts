import { letGoAtRest } from '../../runtime/give-back.ts'

const leastBytes = 128 << 10
const mostBytes = 4 << 20
const maxFreeBytes = 8 << 20

/** What was given out here, and has not come back. */
const given = new WeakSet<ArrayBufferLike>()
const free: ArrayBufferLike[] = []
let freeBytes = 0

letGoAtRest(() => {
  free.length = 0
  freeBytes = 0
})

/**
 * Memory for a batch, exactly so long: fresh memory costs more than all that is written into it, and a batch that outlives
 * V8's young garbage makes it collect all of its garbage the sooner.
 */
export function batchMemory(bytes: number): Buffer {
  if (bytes > mostBytes) return Buffer.allocUnsafeSlow(bytes)
  const size = Math.max(leastBytes, 2 ** Math.ceil(Math.log2(bytes)))
  const index = free.findIndex(({ byteLength }) => byteLength === size)
  const memory = index === -1 ? Buffer.allocUnsafeSlow(size).buffer : (free.splice(index, 1)[0] as ArrayBufferLike)
  if (index !== -1) freeBytes -= size
  given.add(memory)
  return Buffer.from(memory, 0, bytes)
}

/** The batch is with the brokers, or is not sent any more: nobody may read it from now on. */
export function giveBack({ buffer }: Buffer): void {
  if (!given.delete(buffer) || freeBytes + buffer.byteLength > maxFreeBytes) return
  free.push(buffer)
  freeBytes += buffer.byteLength
}
