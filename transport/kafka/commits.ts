import { RejectedError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { backoffMs, sleep } from '../../runtime/retry.ts'
import type { TopicPartition, TopicPartitionOffset } from '../transport.ts'
import type { Group } from './group.ts'
import { errorName } from './kafkajs.ts'
import type { PartitionReader } from './partition-reader.ts'

interface CommitsDeps {
  readonly group: Group
  readonly groupId: string
  readonly log: Logger
  /** Of a partition that is ours now. */
  readonly readerOf: (at: TopicPartition) => PartitionReader | undefined
}

const backoff = { baseMs: 200, maxMs: 5000 }

/** A member's commits, one after another: offsets never go back, and partitions that are not owned any more are left out. */
export class Commits {
  readonly #deps: CommitsDeps
  #last: Promise<void> = Promise.resolve()

  constructor(deps: CommitsDeps) {
    this.#deps = deps
  }

  /** Durable once resolved; rejects with a RejectedError where the group may not commit. */
  add(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    const turn = this.#last.then(() => this.#commit(offsets))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const due = offsets.flatMap((one) => {
        const reader = this.#deps.readerOf(one)
        return reader && one.offset > (reader.committed ?? -1) ? [{ reader, offset: one.offset }] : []
      })
      if (due.length === 0) return
      const error = await this.#commitOnce(due).catch((cause: unknown) => cause)
      if (error === undefined) return
      if (error instanceof RejectedError) throw error
      if (attempt === 0) this.#deps.log.debug({ err: error }, 'commit is tried again')
      await sleep(backoffMs(backoff, attempt, Math.random()))
    }
  }

  /** Returns what is wrong where it may be right later. */
  async #commitOnce(due: ReadonlyArray<{ reader: PartitionReader; offset: number }>): Promise<unknown> {
    const { group, groupId } = this.#deps
    const { generation } = group
    if (!generation) return new Error('not a member of the group')
    const answer = await group.ask<{
      responses: ReadonlyArray<{ topic: string; partitions: ReadonlyArray<{ partition: number; errorCode: number }> }>
    }>('OffsetCommit', {
      groupId,
      groupGenerationId: generation.id,
      memberId: generation.memberId,
      topics: [...Map.groupBy(due, ({ reader }) => reader.wireTopic)].map(([topic, ones]) => ({
        topic,
        partitions: ones.map(({ reader, offset }) => ({ partition: reader.at.partition, offset: String(offset) })),
      })),
    })
    let problem: Error | undefined
    for (const { topic, partitions } of answer.responses) {
      for (const { partition, errorCode } of partitions) {
        const done = due.find(({ reader }) => reader.wireTopic === topic && reader.at.partition === partition)
        const error = group.note(errorCode)
        if (error?.endsWith('AUTHORIZATION_FAILED')) throw new RejectedError('not-authorized', `commit: ${error}`)
        if (error !== undefined) problem = new Error(`${topic}-${partition}: ${errorName(errorCode)}`)
        else if (done) done.reader.committed = Math.max(done.offset, done.reader.committed ?? -1)
      }
    }
    return problem
  }
}
