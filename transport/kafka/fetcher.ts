import { backoffMs, sleep } from '../../runtime/retry.ts'
import type { KafkaClient } from './client.ts'
import { type FetchAnswer, fetchExchange, type FetchLimits } from './fetch-request.ts'
import type { Metadata } from './metadata.ts'
import { listOffsets } from './offsets.ts'
import type { Outage } from './outage.ts'
import type { PartitionReader } from './partition-reader.ts'

export interface FetcherDeps {
  readonly client: KafkaClient
  readonly metadata: Metadata
  readonly outage: Outage
  readonly readers: readonly PartitionReader[]
  readonly limits: FetchLimits
  /** The offset is not in the log: moves the reader to one that is. */
  readonly outOfRange: (reader: PartitionReader) => Promise<void>
}

/** Long enough to be quiet when idle; a partition that has room again while another waits is not kept longer than the second. */
const busyWaitMs = 100
export const defaultLimits: FetchLimits = { maxWaitTime: 1000, minBytes: 1, maxBytes: 2 ** 21, partitionBytes: 2 ** 18 }
const lagIntervalMs = 3000
/** Long past the wait of an idle fetch. */
const quietMs = 5000
/** Of the longest a fetch may take: one at work, one tried elsewhere, and some patience with a busy machine. */
const stuckFactor = 3
const backoff = { baseMs: 200, maxMs: 5000 }
/** So many failures of one partition alone are an outage worth telling. */
const tellAfter = 5

const placeOf = ({ wireTopic, at }: PartitionReader) => `${wireTopic}-${at.partition}`

/** Reads the partitions of one assignment from their leaders, one fetch a leader at a time, while their readers have room. */
export class Fetcher {
  readonly #deps: FetcherDeps
  readonly #loops = new Map<number, Promise<void>>()
  readonly #ending = new AbortController()
  #room = Promise.withResolvers<void>()
  #refreshFailures = 0
  /** When each leader last answered, or failed to; those that none leads are under undefined. */
  readonly #heardAtMs = new Map<number | undefined, number>()
  #isSpreading = false
  #mustSpread = false

  constructor(deps: FetcherDeps) {
    this.#deps = deps
  }

  start(): void {
    // Each is heard of from now on.
    this.isStuck(Date.now())
    this.spread()
    void this.#watchLag()
  }

  /** Starts a loop for every leader that has none; asks anew while a partition has no leader. */
  spread(): void {
    if (this.#ending.signal.aborted) return
    this.#mustSpread = true
    if (this.#isSpreading) return
    this.#isSpreading = true
    void Promise.resolve()
      .then(() => this.#spread())
      .finally(() => {
        this.#isSpreading = false
        if (this.#mustSpread) this.spread()
      })
  }

  room(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }

  /**
   * Has nothing come back from one of the leaders for longer than any call may take, though there was room for it? No call
   * waits without a limit: this is for the mistake that nobody has thought of.
   */
  isStuck(nowMs: number): boolean {
    const { client, limits, metadata, readers } = this.#deps
    const limitMs = stuckFactor * (client.times.requestTimeoutMs + limits.maxWaitTime)
    const hungry = readers.filter((reader) => reader.hasRoom && reader.notBeforeMs <= nowMs)
    const wanted = new Set(hungry.map(({ wireTopic, at }) => metadata.leader(wireTopic, at.partition)))
    for (const leader of this.#heardAtMs.keys()) if (!wanted.has(leader)) this.#heardAtMs.delete(leader)
    for (const leader of wanted) if (!this.#heardAtMs.has(leader)) this.#heardAtMs.set(leader, nowMs)
    return [...this.#heardAtMs.values()].some((heardAtMs) => nowMs - heardAtMs > limitMs)
  }

  end(): void {
    this.#ending.abort(new Error('the partitions were taken away'))
    this.room()
    for (const reader of this.#deps.readers) this.#deps.outage.worked(placeOf(reader))
  }

  async #spread(): Promise<void> {
    const { metadata, readers } = this.#deps
    const { signal } = this.#ending
    while (!signal.aborted) {
      this.#mustSpread = false
      const leaders = readers.map(({ wireTopic, at }) => metadata.leader(wireTopic, at.partition))
      for (const leader of new Set(leaders)) {
        if (leader === undefined || this.#loops.has(leader)) continue
        this.#loops.set(
          leader,
          Promise.resolve()
            .then(() => this.#loop(leader))
            .finally(() => this.#ended(leader)),
        )
      }
      if (!leaders.includes(undefined)) return
      await sleep(backoffMs(backoff, this.#refreshFailures, Math.random()), signal).catch(() => {})
      this.#heardAtMs.set(undefined, Date.now())
      await this.#refresh()
    }
  }

  async #refresh(): Promise<void> {
    const { metadata, outage } = this.#deps
    try {
      await metadata.refresh()
      this.#refreshFailures = 0
      outage.worked('metadata')
    } catch (cause) {
      this.#refreshFailures++
      outage.failed('metadata', cause)
    }
  }

  #ended(leader: number): void {
    this.#loops.delete(leader)
    if (!this.#ending.signal.aborted) this.spread()
  }

  /** Metadata is asked for by others too: a partition may have moved to a leader that has no loop yet. */
  #isSpread(): boolean {
    const { metadata, readers } = this.#deps
    return readers.every(({ wireTopic, at }) => this.#loops.has(metadata.leader(wireTopic, at.partition) ?? -1))
  }

  /** Partitions that are not fetched, for want of room or of an answer: how far behind they are is asked. */
  async #watchLag(): Promise<void> {
    const { client, metadata, readers } = this.#deps
    const { signal } = this.#ending
    while (!signal.aborted) {
      await sleep(lagIntervalMs, signal).catch(() => {})
      const now = Date.now()
      const quiet = readers.filter(({ hasRoom, heardAtMs }) => !hasRoom || now - heardAtMs > quietMs)
      const wanted = quiet.map(({ at, wireTopic }) => ({ ...at, wireTopic }))
      const ends = await listOffsets(client, metadata, wanted, 'latest').catch(() => new Map<string, number>())
      for (const reader of quiet) reader.knowEnd(ends.get(`${reader.at.topic} ${reader.at.partition}`) ?? 0)
    }
  }

  async #loop(leader: number): Promise<void> {
    const { limits, metadata, outage, readers } = this.#deps
    const { signal } = this.#ending
    for (let failures = 0; !signal.aborted; ) {
      const mine = readers.filter(({ wireTopic, at }) => metadata.leader(wireTopic, at.partition) === leader)
      if (mine.length === 0) return
      if (!this.#isSpread()) this.spread()
      const room = this.#room.promise
      const now = Date.now()
      const hungry = mine.filter((reader) => reader.hasRoom && reader.notBeforeMs <= now)
      if (hungry.length === 0) {
        const isFailing = mine.some(({ notBeforeMs }) => notBeforeMs > now)
        await (isFailing ? sleep(busyWaitMs, signal).catch(() => {}) : room)
        continue
      }
      try {
        await this.#fetch(leader, hungry, hungry.length < mine.length ? busyWaitMs : limits.maxWaitTime)
        this.#heardAtMs.set(leader, Date.now())
        failures = 0
        // Nothing else asks while all is well again: the outage would be told for ever.
        if (this.#refreshFailures > 0) void this.#refresh()
      } catch (cause) {
        this.#heardAtMs.set(leader, Date.now())
        if (signal.aborted) return
        for (const reader of hungry) outage.failed(placeOf(reader), cause)
        await sleep(backoffMs(backoff, failures++, Math.random()), signal).catch(() => {})
        await this.#refresh()
        this.spread()
      }
    }
  }

  async #fetch(leader: number, hungry: readonly PartitionReader[], maxWaitTime: number): Promise<void> {
    const { client, limits } = this.#deps
    const askedAtMs = Date.now()
    const wishes = hungry.map(({ wireTopic, at, position }) => ({
      topic: wireTopic,
      partition: at.partition,
      fetchOffset: position,
    }))
    const answers = (await client.exchange(leader, (link) => fetchExchange(link, wishes, { ...limits, maxWaitTime }), {
      isFetch: true,
      timeoutMs: client.times.requestTimeoutMs + maxWaitTime,
    })) as readonly FetchAnswer[]
    if (this.#ending.signal.aborted) return
    const byName = new Map(hungry.map((reader) => [placeOf(reader), reader]))
    for (const answer of answers) {
      const reader = byName.get(`${answer.topic}-${answer.partition}`)
      if (reader) await this.#judge(reader, answer, askedAtMs)
    }
  }

  async #judge(reader: PartitionReader, answer: FetchAnswer, askedAtMs: number): Promise<void> {
    const { metadata, outage, outOfRange } = this.#deps
    if (answer.error === undefined) {
      outage.worked(placeOf(reader))
      reader.take(answer.records, answer.highWatermark, askedAtMs)
      return
    }
    if (answer.error === 'OFFSET_OUT_OF_RANGE') {
      // Others go on meanwhile.
      reader.notBeforeMs = Infinity
      void outOfRange(reader).then(
        () => (reader.notBeforeMs = 0),
        (cause: unknown) => {
          outage.failed(placeOf(reader), cause)
          reader.fail()
        },
      )
      return
    }
    reader.fail()
    if (reader.failures >= tellAfter) outage.failed(placeOf(reader), new Error(answer.error))
    await metadata.refresh()
    this.spread()
  }
}
