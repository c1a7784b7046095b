import type { AlertingConfig, ChannelConfig } from '../../runtime/config/schema-alerting.ts'
import type { StateDatabase } from '../state/database.ts'
import type { AlertRecord } from '../transition.ts'
import type { Channel, Wording } from './channel.ts'
import { ChannelWorker } from './channel-worker.ts'
import { recordOf } from './compose.ts'
import type { DeadChannels } from './dead-channel.ts'
import { type Delivery, type Deliveries, openStates } from './deliveries.ts'
import type { Gate } from './gate.ts'
import { laneOf } from './lane-names.ts'
import type { Lanes } from './lanes.ts'
import { limitsOf } from './limits.ts'
import { openChannel, testChannel } from './open-channel.ts'
import { Picker } from './picker.ts'
import { checkQuietHours } from './quiet-hours.ts'
import type { Settler } from './settle.ts'
import type { Sift } from './sift.ts'
import type { Related } from './related.ts'
import { createStormBreaker } from './storm.ts'
import type { Telemetry } from './telemetry.ts'

export interface ChannelSetDeps {
  readonly db: StateDatabase
  readonly deliveries: Deliveries
  readonly lanes: Lanes
  readonly gate: Gate
  readonly sift: Sift
  readonly settler: Settler
  readonly deadChannels: DeadChannels
  readonly related: Related
  readonly telemetry: Telemetry
  readonly config: () => AlertingConfig
  readonly now: () => number
  /** Monotonic ms. */
  readonly monotonic: () => number
}

interface Member {
  readonly channel: Channel
  readonly worker: ChannelWorker
}

/** What a channel that is replaced may still finish. */
const replaceMs = 5000

/** The configured channels, each with its worker. */
export class ChannelSet {
  readonly #deps: ChannelSetDeps
  #members = new Map<string, Member>()
  /** The last of those that were replaced and still finish what they send. */
  #replaced: Promise<unknown> = Promise.resolve()
  #isStopped = false
  /** Called when a delivery has changed what is due. */
  onSettled: () => void = () => {}

  constructor(deps: ChannelSetDeps) {
    this.#deps = deps
  }

  /** Replaces all channels at once; throws ConfigError before anything has changed. */
  configure({ channels, routes }: AlertingConfig, wording: Wording, timezone: string): void {
    checkQuietHours(routes, timezone)
    const opened = new Map<string, Channel>()
    try {
      for (const [name, config] of Object.entries(channels)) opened.set(name, openChannel(name, config, wording))
    } catch (error) {
      for (const channel of opened.values()) void channel.close()
      throw error
    }
    const old = this.#members
    this.#members = new Map()
    const start = () => {
      if (this.#isStopped) {
        for (const channel of opened.values()) void channel.close()
        return
      }
      for (const [name, channel] of opened) {
        const config = channels[name]
        if (config) this.#members.set(name, { channel, worker: this.#startWorker(name, config, channel) })
      }
      this.#abandon(Object.keys(channels))
    }
    if (old.size === 0) start()
    // Two workers of one channel would send one delivery twice.
    else this.#replaced = stopAll(old, AbortSignal.timeout(replaceMs)).then(start)
  }

  wake(): void {
    for (const { worker } of this.#members.values()) worker.wake()
  }

  get isIdle(): boolean {
    return [...this.#members.values()].every(({ worker }) => worker.isIdle)
  }

  /** To be called in the transaction of an acknowledgement. */
  showAck(alert: AlertRecord, { by, comment }: { readonly by: string; readonly comment: string }): void {
    const { deliveries, db, now } = this.#deps
    const told = db.prepare('SELECT channel FROM notify_told WHERE alert_id = ?').all(alert.id)
    for (const { channel } of told as Array<{ channel: string }>) {
      if (this.#members.get(channel)?.channel.showsAcks !== true) continue
      const [first] = deliveries.ofAlert(alert.id, channel)
      if (!first) continue
      const { rule, thread, seq, rank, route } = first
      const note = `acknowledged by ${by}${comment === '' ? '' : `: ${comment}`}`
      deliveries.add({ channel, alert_id: alert.id, rule, thread, seq, rank, route, note, kind: 'acked' }, now())
    }
  }

  async test(name: string): Promise<{ ok: boolean; detail: string }> {
    await this.#replaced
    const member = this.#members.get(name)
    if (!member) {
      const known = [...this.#members.keys()].join(', ') || 'none'
      return { ok: false, detail: `channel "${name}" is not configured; known: ${known}` }
    }
    return await testChannel(name, member.channel, this.#deps.now())
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#isStopped = true
    await this.#replaced
    await stopAll(this.#members, deadline)
  }

  #startWorker(name: string, config: ChannelConfig, channel: Channel): ChannelWorker {
    const { db, lanes, gate, sift, monotonic } = this.#deps
    const limits = limitsOf(config)
    const storms = createStormBreaker({ db, channel: name, backlog: limits.backlog, lanes, gate, sift })
    const picker = new Picker({
      ...this.#deps,
      channel: name,
      limits,
      storms,
      laneFor: (delivery) => this.#laneFor(delivery),
      monotonicMs: monotonic(),
    })
    const onSettled = () => this.onSettled()
    return new ChannelWorker({ ...this.#deps, name, channel, picker, onSettled })
  }

  #laneFor(delivery: Delivery) {
    const { db, config } = this.#deps
    const record = recordOf(db, delivery)
    const route = delivery.route === null ? undefined : config().routes[delivery.route]
    return record && laneOf({ isCatchUp: delivery.lane === 'catch-up', record }, delivery.route ?? undefined, route)
  }

  /** What was to be told by a channel that is gone can be told no more. */
  #abandon(known: readonly string[]): void {
    const { db, now, telemetry } = this.#deps
    const rows = db
      .prepare(`SELECT channel, COUNT(*) AS open FROM notify_deliveries WHERE state IN ${openStates} GROUP BY channel`)
      .all() as Array<{ channel: string; open: number }>
    for (const { channel, open } of rows) {
      if (known.includes(channel)) continue
      db.prepare(
        `UPDATE notify_deliveries SET state = 'dropped', outcome = 'channel-removed', settled_ms = ?, fallback_at = NULL
           WHERE channel = ? AND state IN ${openStates}`,
      ).run(now(), channel)
      telemetry.abandoned(channel, open)
    }
  }
}

async function stopAll(members: ReadonlyMap<string, Member>, deadline: AbortSignal): Promise<void> {
  await Promise.all([...members.values()].map(({ worker }) => worker.stop(deadline)))
}
