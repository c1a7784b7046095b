const leastBytes = 1 << 20
const mostBytes = 4 << 20
const maxFree = 4

/** What was given out here, and has not come back. */
const given = new WeakSet<ArrayBufferLike>()
const free: ArrayBufferLike[] = []

/** Memory for a batch that is not compressed: fresh memory costs more than all that is written into it. */
export function batchMemory(bytes: number): Buffer {
  const index = free.findIndex(({ byteLength }) => byteLength >= bytes)
  const memory = index === -1 ? undefined : free.splice(index, 1)[0]
  const buffer = memory ? Buffer.from(memory) : Buffer.allocUnsafeSlow(Math.max(bytes, leastBytes))
  if (buffer.length <= mostBytes) given.add(buffer.buffer)
  return buffer
}

/** The batch is with the brokers, or is not sent any more: nobody may read it from now on. */
export function giveBack(batch: Buffer): void {
  if (given.delete(batch.buffer) && free.length < maxFree) free.push(batch.buffer)
}
