import type { AlertingConfig } from '../../runtime/config/schema-alerting.ts'
import type { StateDatabase } from '../state/database.ts'
import { readTransitions, trimTransitions } from '../state/outbox.ts'
import { type AlertRecord, severities, type Transition } from '../transition.ts'
import type { Deliveries, NewDelivery } from './deliveries.ts'
import { deadChannelRule } from './dead-channel.ts'
import { equalValues } from './inhibition.ts'
import { laneOf } from './lane-names.ts'
import { type Destination, destinationsOf } from './route.ts'
import type { Telemetry } from './telemetry.ts'
import { threadOf } from './thread.ts'

export interface PlannerDeps {
  readonly db: StateDatabase
  readonly deliveries: Deliveries
  readonly telemetry: Telemetry
  /** As it is now: it may be reloaded. */
  readonly config: () => AlertingConfig
}

const batchSize = 500

/** Turns transitions into deliveries; what is planned and how far it has read are one transaction. */
export function createPlanner({ db, deliveries, telemetry, config }: PlannerDeps) {
  const cursor = () => (db.prepare('SELECT seq FROM notify_cursor').get() as { seq: number }).seq

  /** One batch; true where there may be more. */
  function planBatch(nowMs: number): boolean {
    // After a power failure it is planned again, from the outbox.
    return db.relaxed(() => {
      const transitions = readTransitions(db, cursor(), batchSize)
      for (const transition of transitions) plan(transition, nowMs)
      const last = transitions.at(-1)
      if (last) db.prepare('UPDATE notify_cursor SET seq = ?').run(last.seq)
      return transitions.length === batchSize
    })
  }

  function plan(transition: Transition, nowMs: number): void {
    const { record } = transition
    remember(transition, nowMs)
    if (transition.kind === 'firing') {
      if (record.stage === 'live' && !transition.isSilent) planFiring(transition, nowMs)
      return
    }
    stopReminding(record.id, nowMs)
    if (!transition.isSilent && record.stage === 'live') planResolved(transition, nowMs)
  }

  function remember({ record, kind }: Transition, nowMs: number): void {
    // A shadow has no effect on anybody.
    const inhibits = record.stage === 'live' ? record.inhibits : undefined
    db.prepare(
      `INSERT INTO notify_alerts (id, rule, thread, state, updated_ms, inhibits, equal) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = excluded.state, updated_ms = excluded.updated_ms,
           inhibits = excluded.inhibits, equal = excluded.equal`,
    ).run(
      record.id,
      record.ruleId,
      threadOf(record),
      kind,
      nowMs,
      inhibits ? JSON.stringify(inhibits.rules) : null,
      inhibits ? JSON.stringify(equalValues(record, inhibits.equal)) : null,
    )
    if (kind === 'resolved' && inhibits) deliveries.release('inhibit')
  }

  function planFiring(transition: Transition, nowMs: number): void {
    const { record } = transition
    const destinations = knownDestinations(record)
    if (destinations.length === 0) telemetry.unrouted(record)
    for (const destination of destinations) {
      const route = destination.route === undefined ? undefined : config().routes[destination.route]
      deliveries.add(
        {
          ...base(transition, destination),
          kind: 'firing',
          lane: laneOf(transition, destination.route, route)?.name ?? null,
          is_plain: record.active || record.throttle || route?.quiet ? 0 : 1,
          fallback_at: route?.fallback ? nowMs + route.fallback.after : null,
          fallback: route?.fallback ? JSON.stringify(route.fallback) : null,
          repeat_ms: record.repeatMs ?? null,
        },
        nowMs,
      )
    }
    if (!transition.isCatchUp) planEscalations(transition, destinations, nowMs)
  }

  function planEscalations(transition: Transition, destinations: readonly Destination[], nowMs: number): void {
    const routes = new Set(destinations.flatMap(({ route }) => (route === undefined ? [] : [route])))
    for (const route of routes) {
      for (const { after, to } of config().routes[route]?.escalate ?? []) {
        for (const channel of to) {
          const held = { state: 'held', hold: 'escalate', due_ms: nowMs + after } as const
          deliveries.add({ ...base(transition, { channel, route }), kind: 'escalation', ...held }, nowMs)
        }
      }
    }
  }

  /** Told where its firing was told or is about to be. */
  function planResolved(transition: Transition, nowMs: number): void {
    const closed = db.prepare('SELECT close_note FROM notify_alerts WHERE id = ?').get(transition.alertId) as
      | { close_note: string | null }
      | undefined
    for (const { channel, route } of deliveries.channelsOf(transition.alertId)) {
      const settings = route === null ? undefined : config().routes[route]
      deliveries.add(
        {
          ...base(transition, { channel, ...(route !== null && { route }) }),
          kind: 'resolved',
          lane: laneOf(transition, route ?? undefined, settings)?.name ?? null,
          is_plain: transition.record.active || settings?.quiet ? 0 : 1,
          note: closed?.close_note ?? null,
        },
        nowMs,
      )
    }
  }

  /** No repeats and no escalation of what is over; what was held back for people's sake is not told afterwards. */
  function stopReminding(alertId: string, nowMs: number): void {
    db.prepare('UPDATE notify_told SET repeat_at = NULL WHERE alert_id = ?').run(alertId)
    for (const { id, state, hold, kind } of deliveries.openOf(alertId)) {
      const isMoot =
        kind === 'escalation' || kind === 'repeat' || hold === 'silence' || hold === 'calendar' || hold === 'inhibit'
      if (state === 'held' && isMoot) deliveries.settle(id, 'dropped', 'over-before-told', nowMs)
    }
  }

  function knownDestinations(record: AlertRecord): Destination[] {
    const { channels, routes } = config()
    const names = Object.keys(channels)
    // Without any route everything goes everywhere: an alert that reaches nobody is the worst default.
    const wanted =
      routes.length === 0 && !record.notify && !record.notifyDefault
        ? names.map((channel): Destination => ({ channel }))
        : destinationsOf(record, routes)
    const known = wanted.filter(({ channel }) => Object.hasOwn(channels, channel))
    for (const { channel } of wanted) if (!Object.hasOwn(channels, channel)) telemetry.unknownChannel(record, channel)
    if (record.ruleId !== deadChannelRule) return known
    // Nobody is told by a channel of its own death; where no route leads elsewhere, every other channel is.
    const living = known.filter(({ channel }) => channel !== record.key['channel'])
    if (living.length > 0) return living
    return names.filter((channel) => channel !== record.key['channel']).map((channel) => ({ channel }))
  }

  return {
    planBatch,
    /** Forgets transitions that no delivery needs any more. */
    trim(): void {
      const needed = deliveries.oldestNeededSeq()
      trimTransitions(db, Math.min(cursor(), needed === undefined ? Number.MAX_SAFE_INTEGER : needed - 1))
    },
  }
}

export type Planner = ReturnType<typeof createPlanner>

function base(
  { record, seq }: Transition,
  { channel, route }: Destination,
): Pick<NewDelivery, 'channel' | 'alert_id' | 'rule' | 'thread' | 'seq' | 'rank' | 'route'> {
  return {
    channel,
    alert_id: record.id,
    rule: record.ruleId,
    thread: threadOf(record),
    seq,
    rank: severities.indexOf(record.severity),
    route: route ?? null,
  }
}
