import type { OutRecord, PackedRecords } from './transport.ts'

/** The same records one by one; values are views of the same bytes. */
export function unpack({ topic, key, headers, bytes, start, bounds, timesMs }: PackedRecords): OutRecord[] {
  let at = start
  return Array.from(timesMs, (timestampMs, index) => {
    const [valueEnd, idEnd] = [bounds[2 * index] ?? at, bounds[2 * index + 1] ?? at]
    const value = bytes.subarray(at, valueEnd)
    at = idEnd
    return { topic, key, value, headers: { ...headers, id: bytes.toString('latin1', valueEnd, idEnd) }, timestampMs }
  })
}
