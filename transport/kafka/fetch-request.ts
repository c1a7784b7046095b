import { apiKeys, type BrokerLink, type Exchange, errorName, exchangeOf } from './kafkajs.ts'

export interface FetchWish {
  readonly topic: string
  readonly partition: number
  readonly fetchOffset: number
}

export interface FetchLimits {
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly partitionBytes: number
}

export interface FetchAnswer {
  readonly topic: string
  readonly partition: number
  readonly error: string | undefined
  readonly highWatermark: number
  /** Record batches; the last may be cut. A view into the answer. */
  readonly records: Buffer
}

/** Fetch as kafkajs asks it, the answer read by ourselves: errors by partition, batches left compressed. */
export function fetchExchange(link: BrokerLink, wishes: readonly FetchWish[], limits: FetchLimits): Exchange {
  const topics = new Map<string, Array<{ partition: number; fetchOffset: string; maxBytes: number }>>()
  for (const { topic, partition, fetchOffset } of wishes) {
    const wish = { partition, fetchOffset: String(fetchOffset), maxBytes: limits.partitionBytes }
    const known = topics.get(topic)
    if (known) known.push(wish)
    else topics.set(topic, [wish])
  }
  const { maxWaitTime, minBytes, maxBytes } = limits
  const { request } = exchangeOf(link, 'Fetch', {
    maxWaitTime,
    minBytes,
    maxBytes,
    // Read uncommitted: nothing of ours is written in transactions.
    isolationLevel: 0,
    rackId: '',
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  })
  const version = Math.min(request.apiVersion, link.versions?.[apiKeys.Fetch]?.maxVersion ?? request.apiVersion)
  return {
    request,
    response: {
      decode: async (raw) => decodeFetch(raw, version),
      parse: async (decoded: { answers: readonly FetchAnswer[] }) => decoded.answers,
    },
  }
}

const nothing = Buffer.alloc(0)

/** Versions 4 to 11. `clientSideThrottleTime` is the name by which kafkajs's connection obeys a quota. */
function decodeFetch(raw: Buffer, version: number): { answers: FetchAnswer[]; clientSideThrottleTime: number } {
  const answers: FetchAnswer[] = []
  let at = version >= 7 ? 10 : 4
  const int32 = () => {
    at += 4
    return raw.readInt32BE(at - 4)
  }
  for (let topics = int32(); topics > 0; topics--) {
    const length = raw.readInt16BE(at)
    const topic = raw.toString('utf8', at + 2, at + 2 + length)
    at += 2 + length
    for (let left = int32(); left > 0; left--) {
      const partition = int32()
      const code = raw.readInt16BE(at)
      const highWatermark = Number(raw.readBigInt64BE(at + 2))
      at += version >= 5 ? 26 : 18
      const aborted = int32()
      at += 16 * Math.max(0, aborted)
      if (version >= 11) at += 4
      const bytes = int32()
      const records = bytes > 0 ? raw.subarray(at, at + bytes) : nothing
      at += Math.max(0, bytes)
      answers.push({ topic, partition, error: code === 0 ? undefined : errorName(code), highWatermark, records })
    }
  }
  return { answers, clientSideThrottleTime: version >= 8 ? raw.readInt32BE(0) : 0 }
}
