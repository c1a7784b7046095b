import { crc32 } from 'node:zlib'
import type { Started } from '../../../runtime/shutdown.ts'
import type { Transport } from '../../../transport/transport.ts'

/** What has come out of the topic so far. */
export interface Tally {
  /** Tokens that came at least once. */
  readonly distinct: number
  readonly lastNewMs: number
  readonly gaps: readonly string[]
  readonly underTwoIds: readonly number[]
  readonly outOfOrder: readonly number[]
  /** The first tokens up to `written` that never came. */
  lost(written: number): number[]
  /** How long each run of repeated tokens is. */
  stretches(): number[]
}

/** Counts numbered records as they come, from the topic's beginning; of an id a checksum is kept. */
export async function startTally(transport: Transport): Promise<Started<Tally>> {
  let [ids, repeated] = [new Uint32Array(1 << 20), new Uint8Array(1 << 20)]
  const gaps: string[] = []
  const underTwoIds: number[] = []
  const outOfOrder: number[] = []
  let [distinct, greatest, lastNewMs] = [0, 0, Date.now()]
  const grow = () => {
    const [moreIds, moreRepeated] = [new Uint32Array(ids.length * 2), new Uint8Array(ids.length * 2)]
    moreIds.set(ids)
    moreRepeated.set(repeated)
    ids = moreIds
    repeated = moreRepeated
  }
  const count = (token: number, id: number) => {
    while (token >= ids.length) grow()
    const before = ids[token] ?? 0
    if (before !== 0) {
      repeated[token] = 1
      if (before !== id) underTwoIds.push(token)
      return
    }
    ids[token] = id
    distinct++
    lastNewMs = Date.now()
    if (token < greatest) outOfOrder.push(token)
    greatest = Math.max(greatest, token)
  }
  const { stop } = await transport.createConsumer(
    { role: 'tally', topics: ['APP', 'THUMP'], startAt: 'beginning' },
    {
      records: ({ records, topic }) => {
        for (const { value, headers } of records) {
          if (topic === 'THUMP') {
            if (value.includes('log.gap')) gaps.push(value.toString())
            continue
          }
          const token = Number(/"message":"t(\d+)e/.exec(value.toString('latin1', 0, 400))?.[1] ?? 0)
          if (token > 0) count(token, crc32(headers['id'] ?? '') || 1)
        }
        return Promise.resolve()
      },
    },
  )
  const tally: Tally = {
    get distinct() {
      return distinct
    },
    get lastNewMs() {
      return lastNewMs
    },
    gaps,
    underTwoIds,
    outOfOrder,
    lost: (written) =>
      Array.from({ length: written }, (_, index) => index + 1)
        .filter((token) => (ids[token] ?? 0) === 0)
        .slice(0, 10),
    stretches: () => stretchesOf(repeated),
  }
  return { value: tally, stop }
}

function stretchesOf(repeated: Uint8Array): number[] {
  const lengths: number[] = []
  for (let token = repeated.indexOf(1); token !== -1; ) {
    const end = repeated.indexOf(0, token)
    lengths.push((end === -1 ? repeated.length : end) - token)
    token = end === -1 ? -1 : repeated.indexOf(1, end)
  }
  return lengths
}
