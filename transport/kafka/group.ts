import { backoffMs, sleep } from '../../runtime/retry.ts'
import { assignPartitions } from './assignment.ts'
import type { KafkaClient } from './client.ts'
import { type ApiName, errorName, groupProtocol } from './kafkajs.ts'
import type { Metadata } from './metadata.ts'
import type { Outage } from './outage.ts'

export interface GroupDeps {
  readonly client: KafkaClient
  readonly metadata: Metadata
  readonly outage: Outage
  readonly groupId: string
  /** Names on the wire. */
  readonly topics: readonly string[]
  /** Makes the topics where that is allowed, and asks for the metadata. */
  readonly prepare: () => Promise<void>
  /** The partitions are ours, topic → numbers, until `taken`. */
  readonly given: (partitions: ReadonlyMap<string, readonly number[]>) => Promise<void>
  /** They are to be handed on (`isLost: false`, commits still count) or are gone already. */
  readonly taken: (isLost: boolean) => Promise<void>
}

interface Generation {
  readonly id: number
  readonly memberId: string
}

interface JoinAnswer {
  readonly errorCode: number
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly memberMetadata: Buffer }>
}

const protocolName = 'roundrobin'
const rebalanceTimeoutMs = 60_000
/** How often the leader looks for topics that are not there yet. */
const missingTopicsAgeMs = 5000
const backoff = { baseMs: 200, maxMs: 5000 }
const coordinatorMoved = new Set(['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE'])
const membershipLost = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])

/** A rebalance that goes on, a coordinator that is not ready: usual for some attempts. */
class NotYet extends Error {
  constructor(error: string) {
    super(`the group coordinator says ${error}`)
  }
}
const notYetUntilTold = 5

/**
 * A member of a consumer group, for ever: find the coordinator, join, be given partitions, beat the heart; on a rebalance
 * hand the partitions over and join again. A coordinator that is away for less than the session costs nothing.
 */
export class Group {
  readonly #deps: GroupDeps
  #coordinator: number | undefined
  #memberId = ''
  #generation: Generation | undefined
  #lastBeatMs = 0
  #isLost = false
  #partitionsSeen = ''

  constructor(deps: GroupDeps) {
    this.#deps = deps
  }

  isMember(): boolean {
    return this.#generation !== undefined && Date.now() - this.#lastBeatMs < this.#deps.client.times.sessionTimeoutMs
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#deps.prepare()
        const partitions = await this.#join()
        failures = 0
        this.#deps.outage.worked('group')
        await this.#beatingWhile(this.#deps.given(partitions))
        await this.#stay(signal)
      } catch (cause) {
        const isUsual = cause instanceof NotYet && failures < notYetUntilTold
        if (!signal.aborted && !isUsual) this.#deps.outage.failed('group', cause)
        failures++
      }
      await this.#handOver()
      if (failures > 0) await sleep(backoffMs(backoff, failures - 1, Math.random()), signal).catch(() => {})
    }
    await this.#leave()
  }

  /** One question to the coordinator; the error's name, or undefined. Throws UnavailableError when it is away. */
  async ask<T extends object>(api: ApiName, args: object, timeoutMs?: number): Promise<T> {
    this.#coordinator ??= await this.#findCoordinator()
    try {
      return await this.#deps.client.ask<T>(this.#coordinator, api, args, timeoutMs === undefined ? {} : { timeoutMs })
    } catch (cause) {
      this.#coordinator = undefined
      throw cause
    }
  }

  /** What a commit is signed with; undefined while not a member. */
  get generation(): Generation | undefined {
    return this.#generation
  }

  /** Reads an error of the coordinator's answer: what it says about us is remembered. */
  note(code: number): string | undefined {
    if (code === 0) return undefined
    const error = errorName(code)
    if (coordinatorMoved.has(error)) this.#coordinator = undefined
    if (membershipLost.has(error)) {
      this.#isLost = true
      if (error === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
    }
    return error
  }

  async #findCoordinator(): Promise<number> {
    const { client, groupId, metadata } = this.#deps
    const answer = await client.ask<{ errorCode: number; coordinator: { nodeId: number } }>(
      undefined,
      'GroupCoordinator',
      {
        groupId,
        coordinatorType: 0,
      },
    )
    if (answer.errorCode !== 0) throw new NotYet(errorName(answer.errorCode))
    if (metadata.refreshedAtMs === 0) await metadata.refresh()
    return answer.coordinator.nodeId
  }

  async #join(): Promise<ReadonlyMap<string, readonly number[]>> {
    const { groupId, topics, client } = this.#deps
    const metadata = groupProtocol.MemberMetadata.encode({ version: 0, topics })
    const join = () =>
      this.ask<JoinAnswer>(
        'JoinGroup',
        {
          groupId,
          sessionTimeout: client.times.sessionTimeoutMs,
          rebalanceTimeout: rebalanceTimeoutMs,
          memberId: this.#memberId,
          protocolType: 'consumer',
          groupProtocols: [{ name: protocolName, metadata }],
        },
        rebalanceTimeoutMs + 10_000,
      )
    let answer = await join()
    if (errorName(answer.errorCode) === 'MEMBER_ID_REQUIRED') {
      this.#memberId = answer.memberId
      answer = await join()
    }
    this.#refuse(answer.errorCode)
    const { generationId, memberId, leaderId } = answer
    this.#memberId = memberId
    const groupAssignment = memberId === leaderId ? await this.#assign(answer) : []
    const synced = await this.ask<{ errorCode: number; memberAssignment: Buffer }>('SyncGroup', {
      groupId,
      generationId,
      memberId,
      groupAssignment,
    })
    this.#refuse(synced.errorCode)
    this.#generation = { id: generationId, memberId }
    this.#isLost = false
    this.#lastBeatMs = Date.now()
    const assignment = groupProtocol.MemberAssignment.decode(synced.memberAssignment)?.assignment ?? {}
    return new Map(Object.entries(assignment).filter(([topic]) => topics.includes(topic)))
  }

  #refuse(code: number): void {
    const error = this.note(code)
    if (error !== undefined) throw new NotYet(error)
  }

  async #assign({ members }: JoinAnswer) {
    const { metadata } = this.#deps
    const wishes = members.map(({ memberId, memberMetadata }) => ({
      memberId,
      topics: groupProtocol.MemberMetadata.decode(memberMetadata).topics,
    }))
    metadata.want(wishes.flatMap(({ topics }) => topics))
    await metadata.refresh()
    const counts = this.#counts(new Set(wishes.flatMap(({ topics }) => topics)))
    this.#partitionsSeen = JSON.stringify([...counts])
    return [...assignPartitions(wishes, counts)].map(([memberId, topics]) => ({
      memberId,
      memberAssignment: groupProtocol.MemberAssignment.encode({ version: 0, assignment: Object.fromEntries(topics) }),
    }))
  }

  #counts(topics: Iterable<string>): Map<string, number> {
    const { metadata } = this.#deps
    return new Map([...topics].toSorted().map((topic) => [topic, metadata.topic(topic)?.leaders.length ?? 0]))
  }

  /** Returns when the group rebalances, or the membership is lost. */
  async #stay(signal: AbortSignal): Promise<void> {
    const { groupId, outage, client } = this.#deps
    const { heartbeatMs, sessionTimeoutMs } = client.times
    while (!signal.aborted) {
      await sleep(heartbeatMs, signal).catch(() => {})
      if (signal.aborted || this.#isLost || !this.#generation) return
      try {
        const { id: groupGenerationId, memberId } = this.#generation
        const limit = Math.min(client.times.requestTimeoutMs, sessionTimeoutMs / 3)
        const answer = await this.ask<{ errorCode: number }>(
          'Heartbeat',
          { groupId, groupGenerationId, memberId },
          limit,
        )
        const error = this.note(answer.errorCode)
        if (error === 'REBALANCE_IN_PROGRESS' || this.#isLost) return
        if (error === undefined) {
          this.#lastBeatMs = Date.now()
          outage.worked('group')
        }
        if (await this.#hasNewPartitions()) return
      } catch (cause) {
        outage.failed('group', cause)
      }
      if (Date.now() - this.#lastBeatMs > sessionTimeoutMs) {
        this.#isLost = true
        return
      }
    }
  }

  /** The leader watches for what was added since it assigned; others are told by the rebalance that follows. */
  async #hasNewPartitions(): Promise<boolean> {
    if (this.#partitionsSeen === '') return false
    const { client, metadata } = this.#deps
    const isMissing = this.#deps.topics.some((topic) => metadata.topic(topic)?.error !== undefined)
    const maxAgeMs = isMissing ? missingTopicsAgeMs : client.times.metadataMaxAgeMs
    if (Date.now() - metadata.refreshedAtMs < maxAgeMs) return false
    await metadata.refresh()
    const topics = (JSON.parse(this.#partitionsSeen) as Array<[string, number]>).map(([topic]) => topic)
    return JSON.stringify([...this.#counts(topics)]) !== this.#partitionsSeen
  }

  async #handOver(): Promise<void> {
    if (!this.#generation) return
    try {
      await this.#beatingWhile(this.#deps.taken(this.#isLost))
    } finally {
      this.#generation = undefined
      this.#partitionsSeen = ''
    }
  }

  /** While partitions are taken up or handed over the group waits for us, as long as our heart beats. */
  async #beatingWhile(work: Promise<void>): Promise<void> {
    const beating = setInterval(() => void this.#beat(), this.#deps.client.times.heartbeatMs)
    await work.finally(() => clearInterval(beating))
  }

  async #beat(): Promise<void> {
    const generation = this.#generation
    if (!generation || this.#isLost) return
    const { id: groupGenerationId, memberId } = generation
    const { groupId } = this.#deps
    await this.ask<{ errorCode: number }>('Heartbeat', { groupId, groupGenerationId, memberId }).catch(() => {})
  }

  async #leave(): Promise<void> {
    if (this.#memberId === '') return
    const args = { groupId: this.#deps.groupId, memberId: this.#memberId }
    await this.ask('LeaveGroup', args, 3000).catch(() => {})
  }
}
