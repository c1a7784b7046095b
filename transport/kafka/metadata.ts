import type { KafkaClient } from './client.ts'
import { errorName } from './kafkajs.ts'

interface MetadataAnswer {
  readonly brokers: ReadonlyArray<{ readonly nodeId: number; readonly host: string; readonly port: number }>
  readonly controllerId: number
  readonly topicMetadata: ReadonlyArray<{
    readonly topicErrorCode: number
    readonly topic: string
    readonly partitionMetadata: ReadonlyArray<{
      readonly partitionId: number
      readonly leader: number
      readonly replicas: readonly number[]
    }>
  }>
}

/** A topic as the cluster knows it; `error` is Kafka's own word, e.g. `UNKNOWN_TOPIC_OR_PARTITION`. */
export interface TopicView {
  readonly error: string | undefined
  /** Leader by partition; undefined while there is none. */
  readonly leaders: ReadonlyArray<number | undefined>
  readonly replicas: number
}

/** Which topics there are and who leads their partitions. */
export class Metadata {
  readonly #client: KafkaClient
  readonly #wanted = new Set<string>()
  #topics = new Map<string, TopicView>()
  #refreshing: Promise<void> | undefined
  #askedFor = 0
  controllerId: number | undefined
  refreshedAtMs = 0

  constructor(client: KafkaClient) {
    this.#client = client
  }

  want(topics: Iterable<string>): void {
    for (const topic of topics) this.#wanted.add(topic)
  }

  topic(name: string): TopicView | undefined {
    return this.#topics.get(name)
  }

  leader(topic: string, partition: number): number | undefined {
    return this.#topics.get(topic)?.leaders[partition]
  }

  /** Asks anew; callers at the same time share one question where it is about all they want. Rejects when no broker answers. */
  refresh(): Promise<void> {
    const current = this.#refreshing
    if (current && this.#askedFor < this.#wanted.size) return current.catch(() => {}).then(() => this.refresh())
    this.#askedFor = this.#wanted.size
    this.#refreshing ??= this.#ask().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  async #ask(): Promise<void> {
    // An empty list would ask for all topics of the cluster.
    const topics = this.#wanted.size > 0 ? [...this.#wanted] : ['__consumer_offsets']
    const args = { topics, allowAutoTopicCreation: false }
    const answer = await this.#client.ask<MetadataAnswer>(undefined, 'Metadata', args)
    this.#client.know(new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`])))
    this.controllerId = answer.controllerId
    this.#topics = new Map(answer.topicMetadata.map((topic) => [topic.topic, viewOf(topic)]))
    this.refreshedAtMs = Date.now()
  }
}

function viewOf({ topicErrorCode, partitionMetadata }: MetadataAnswer['topicMetadata'][number]): TopicView {
  const leaders: Array<number | undefined> = Array.from({ length: partitionMetadata.length }, () => undefined)
  for (const { partitionId, leader } of partitionMetadata) leaders[partitionId] = leader < 0 ? undefined : leader
  const error = topicErrorCode === 0 ? undefined : errorName(topicErrorCode)
  return { error, leaders, replicas: partitionMetadata[0]?.replicas.length ?? 0 }
}
