import { apiKeys, type BrokerLink, type Exchange, errorName } from './kafkajs.ts'

/** One batch for one partition, as encoded by record-batch.ts. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  readonly bytes: Buffer
}

export interface PartitionAnswer {
  readonly topic: string
  readonly partition: number
  /** Kafka's word for what is wrong, undefined where the batch is durable. */
  readonly error: string | undefined
}

/** Produce with acks=all, versions 3 to 7; one entry a batch, for the broker answers by entry. */
export function produceExchange(link: BrokerLink, batches: readonly PartitionBatch[], timeoutMs: number): Exchange {
  const apiVersion = Math.min(7, link.versions?.[apiKeys.Produce]?.maxVersion ?? 7)
  return {
    request: { apiKey: apiKeys.Produce, apiVersion, apiName: 'Produce', pieces: piecesOf(batches, timeoutMs) },
    response: {
      decode: async (raw) => decodeProduce(raw, apiVersion),
      parse: async (decoded: { answers: readonly PartitionAnswer[] }) => decoded.answers,
    },
  }
}

/** The batches themselves among what stands between them: nothing of them is copied. */
function piecesOf(batches: readonly PartitionBatch[], timeoutMs: number): Buffer[] {
  const head = Buffer.alloc(12)
  head.writeInt16BE(-1, 0) // no transaction
  head.writeInt16BE(-1, 2) // acks=all
  head.writeInt32BE(timeoutMs, 4)
  head.writeInt32BE(batches.length, 8)
  return [head, ...batches.flatMap(({ topic, partition, bytes }) => [entryHead(topic, partition, bytes.length), bytes])]
}

function entryHead(topic: string, partition: number, bytes: number): Buffer {
  const name = Buffer.from(topic)
  const head = Buffer.alloc(14 + name.length)
  head.writeInt16BE(name.length, 0)
  name.copy(head, 2)
  head.writeInt32BE(1, 2 + name.length)
  head.writeInt32BE(partition, 6 + name.length)
  head.writeInt32BE(bytes, 10 + name.length)
  return head
}

/** `clientSideThrottleTime` is the name by which kafkajs's connection obeys a quota. */
function decodeProduce(raw: Buffer, version: number): { answers: PartitionAnswer[]; clientSideThrottleTime: number } {
  const answers: PartitionAnswer[] = []
  let at = 4
  for (let topics = raw.readInt32BE(0); topics > 0; topics--) {
    const length = raw.readInt16BE(at)
    const topic = raw.toString('utf8', at + 2, at + 2 + length)
    at += 2 + length
    const partitions = raw.readInt32BE(at)
    at += 4
    for (let left = partitions; left > 0; left--) {
      const code = raw.readInt16BE(at + 4)
      answers.push({ topic, partition: raw.readInt32BE(at), error: code === 0 ? undefined : errorName(code) })
      at += version >= 5 ? 30 : 22
    }
  }
  return { answers, clientSideThrottleTime: version >= 6 ? raw.readInt32BE(at) : 0 }
}
