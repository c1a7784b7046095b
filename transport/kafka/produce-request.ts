import { apiKeys, type BrokerLink, type Exchange, encoded, errorName } from './kafkajs.ts'

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
  const encode = async () => encoded(encodeProduce(batches, timeoutMs))
  return {
    request: { apiKey: apiKeys.Produce, apiVersion, apiName: 'Produce', encode },
    response: {
      decode: async (raw) => decodeProduce(raw, apiVersion),
      parse: async (decoded: { answers: readonly PartitionAnswer[] }) => decoded.answers,
    },
  }
}

function encodeProduce(batches: readonly PartitionBatch[], timeoutMs: number): Buffer {
  let bytes = 12
  for (const batch of batches) bytes += 2 + Buffer.byteLength(batch.topic) + 12 + batch.bytes.length
  const buffer = Buffer.allocUnsafe(bytes)
  buffer.writeInt16BE(-1, 0) // no transaction
  buffer.writeInt16BE(-1, 2) // acks=all
  buffer.writeInt32BE(timeoutMs, 4)
  buffer.writeInt32BE(batches.length, 8)
  let at = 12
  for (const batch of batches) {
    const length = buffer.write(batch.topic, at + 2)
    buffer.writeInt16BE(length, at)
    at += 2 + length
    buffer.writeInt32BE(1, at)
    buffer.writeInt32BE(batch.partition, at + 4)
    buffer.writeInt32BE(batch.bytes.length, at + 8)
    at += 12 + batch.bytes.copy(buffer, at + 12)
  }
  return buffer
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
