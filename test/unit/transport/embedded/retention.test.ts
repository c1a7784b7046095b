import { expect, test } from 'vitest'
import { applyRetention, type RetainedLog } from '../../../../transport/embedded/retention.ts'

interface Case {
  /** `end:bytes:ageMs` of each segment, the oldest first; the last is the one written to. */
  readonly segments: string
  readonly readTo?: number
  readonly wanted?: number
}

/** A partition in memory: what remains of it after retention of at most 100 bytes and 1,000 ms. */
async function left({ segments, readTo, wanted = 0 }: Case) {
  const held = segments.split(' ').map((one) => {
    const [endOffset = 0, bytes = 0, ageMs = 0] = one.split(':').map(Number)
    return { endOffset, bytes, lastWriteMs: 10_000 - ageMs }
  })
  const log: RetainedLog = {
    dir: 'APP-0',
    get bytes() {
      return held.reduce((sum, { bytes }) => sum + bytes, 0)
    },
    oldest: () => held[0] && { ...held[0], isActive: held.length === 1 },
    removeOldest: () => Promise.resolve(void held.shift()),
  }
  const holder = await applyRetention([log], wanted, {
    retentionMs: 1000,
    maxBytes: 100,
    holderOf: () => (readTo === undefined ? undefined : { role: 'forwarder', offset: readTo }),
    now: () => 10_000,
  })
  return `${held.map(({ endOffset }) => endOffset).join(' ')}${holder ? ` held by ${holder.role} at ${holder.offset}` : ''}`
}

test.each<[string, Case, string]>([
  ['keeps what is young and small', { segments: '10:40:0 20:40:0' }, '10 20'],
  ['removes what is old', { segments: '10:40:1001 20:40:0' }, '20'],
  ['keeps what is as old as it may be', { segments: '10:40:1000 20:40:0' }, '10 20'],
  ['keeps what is old and not read', { segments: '10:40:1001 20:40:0', readTo: 9 }, '10 20'],
  ['removes what is old and read to its end', { segments: '10:40:1001 20:40:0', readTo: 10 }, '20'],
  ['removes the oldest when they are too large together', { segments: '10:60:0 20:60:0' }, '20'],
  ['keeps what just fits', { segments: '10:60:0 20:40:0' }, '10 20'],
  ['makes room for what comes', { segments: '10:60:0 20:40:0', wanted: 1 }, '20'],
  ['removes even the segment written to, once it is read', { segments: '10:100:0', readTo: 10, wanted: 1 }, ''],
  ['says who holds it when it is full', { segments: '10:60:0 20:60:0', readTo: 5 }, '10 20 held by forwarder at 5'],
  ['is held by nobody where there is room', { segments: '10:50:0 20:50:0', readTo: 5 }, '10 20'],
  ['lets in what is larger than the whole bound when nothing is held', { segments: '10:60:0', wanted: 500 }, ''],
])('%s', async (_, input, expected) => {
  expect(await left(input)).toBe(expected)
})
