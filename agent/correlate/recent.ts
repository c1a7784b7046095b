import { attributionDataset, evidenceWindowMs, isEvidenceOf, objectKey } from '../../event/attribution.ts'
import type { ThumpEvent } from '../../event/event.ts'

const maxDeeds = 4000
const maxEvidence = 1000
/** An access log that is read late (a restart, a backlog) still finds its deeds. */
const keptMs = 10 * 60_000

/** Deeds and evidence of the last minutes, so that whichever comes second finds the first. Bounded by number and by time. */
export class Recent {
  #deeds: ThumpEvent[] = []
  #evidence: ThumpEvent[] = []
  /** Evidence that has been given to its deed is not given to another. */
  readonly #used = new WeakSet<ThumpEvent>()

  readonly #hasDeeds: boolean

  /** Evidence is kept only where deeds may come after it. */
  constructor(hasDeeds: boolean) {
    this.#hasDeeds = hasDeeds
  }

  addDeed(deed: ThumpEvent): void {
    const operation = deed.amqp?.operation
    if (operation === undefined || objectKey(operation, deed) === undefined) return
    this.#deeds.push(deed)
    this.#deeds = trimmed(this.#deeds, maxDeeds, Date.parse(deed['@timestamp']))
  }

  /** The same deed as it was told before: a message may be delivered again. */
  same(id: string): ThumpEvent | undefined {
    return this.#deeds.findLast(({ event }) => event.id === id)
  }

  addEvidence(evidence: ThumpEvent): void {
    if (!this.#hasDeeds) return
    this.#evidence.push(evidence)
    this.#evidence = trimmed(this.#evidence, maxEvidence, Date.parse(evidence['@timestamp']))
  }

  /** Evidence of this deed that was there before it. */
  evidenceOf(deed: ThumpEvent): readonly ThumpEvent[] {
    const found = this.#evidence.filter((piece) => !this.#used.has(piece) && isEvidenceOf(piece, deed))
    // One request may do several things (a user made, its tags set): then its evidence serves each.
    for (const piece of found) if (piece.related?.operation?.length === 1) this.#used.add(piece)
    return found
  }

  /** The deed nearest in time that this evidence, which names none yet, speaks of. */
  deedOf(evidence: ThumpEvent): ThumpEvent | undefined {
    if (this.#deeds.length === 0) return undefined
    const atMs = Date.parse(evidence['@timestamp'])
    let best: ThumpEvent | undefined
    let bestMs = Number.POSITIVE_INFINITY
    for (const deed of this.#deeds) {
      const distanceMs = Math.abs(Date.parse(deed['@timestamp']) - atMs)
      if (distanceMs >= bestMs || this.#used.has(deed) || !isEvidenceOf(evidence, deed)) continue
      best = deed
      bestMs = distanceMs
    }
    if (best) this.#used.add(best)
    return best
  }

  /** Deeds of this time that no request has explained although one might have. Each is given once. */
  unexplained(fromMs: number, beforeMs: number): ThumpEvent[] {
    const found = this.#deeds.filter((deed) => {
      const atMs = Date.parse(deed['@timestamp'])
      return !this.#used.has(deed) && isOpenQuestion(deed) && atMs > fromMs && atMs < beforeMs - evidenceWindowMs
    })
    for (const deed of found) this.#used.add(deed)
    return found
  }
}

const isOpenQuestion = ({ rabbitmq, event }: ThumpEvent) =>
  event.dataset !== attributionDataset &&
  rabbitmq?.attribution?.startsWith('unknown: ') === true &&
  (rabbitmq.connection !== undefined || rabbitmq.candidates !== undefined)

/** Now and then, not at each: half of what is too much goes at once. */
function trimmed(events: ThumpEvent[], limit: number, nowMs: number): ThumpEvent[] {
  const isTooMany = events.length > limit
  if (!isTooMany && events.length % 256 !== 0) return events
  const [oldest] = events
  // They came in about the order of their times: where the first is young, so are the rest.
  if (oldest && Date.parse(oldest['@timestamp']) > nowMs - keptMs) return isTooMany ? events.slice(-limit / 2) : events
  const young = events.filter((event) => Date.parse(event['@timestamp']) > nowMs - keptMs)
  return young.length > limit ? young.slice(-limit / 2) : young
}
