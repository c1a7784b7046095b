import type { AlertingConfig } from '../../runtime/config/schema-alerting.ts'
import { isActive, opensAt } from '../rules/calendar.ts'
import type { StateDatabase } from '../state/database.ts'
import type { AlertRecord } from '../transition.ts'
import { type Delivery, resendNote } from './deliveries.ts'
import type { Inhibition } from './inhibition.ts'
import { quietUntil } from './quiet-hours.ts'
import { silenceEndsRule } from './silence-notice.ts'
import type { Silences } from './silences.ts'
import { readThrottle, throttledUntil } from './throttle.ts'

/** Why something is not told now, and until when. `over` = it would never be of use: its alert has ended. */
export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'hold'; readonly reason: HoldReason; readonly untilMs: number }
  | { readonly kind: 'drop'; readonly reason: string }

export type HoldReason = 'inhibit' | 'inhibit-wait' | 'silence' | 'calendar' | 'quiet' | 'throttle'

/** Held for these, an alert that ends meanwhile is told no more: nobody was to know of it. */
export const forgetful: ReadonlySet<string> = new Set<HoldReason>(['inhibit', 'silence', 'calendar'])

export interface GateDeps {
  readonly db: StateDatabase
  readonly silences: Silences
  readonly inhibition: Inhibition
  readonly config: () => AlertingConfig
  readonly timezone: string
}

const inhibitorWaitMs = 1000
const pass: Verdict = { kind: 'pass' }
const never = Number.MAX_SAFE_INTEGER

/** Remembers answers for as long as the clock's minute is the same. */
function perMinute<T>(): (key: string, nowMs: number, make: () => T) => T {
  const known = new Map<string, T>()
  let minute = 0
  return (key, nowMs, make) => {
    const current = Math.floor(nowMs / 60_000)
    if (current !== minute) known.clear()
    minute = current
    const found = known.get(key) ?? make()
    known.set(key, found)
    return found
  }
}

/** May this be told now? In this order: inhibition, silences, calendar and quiet hours, throttle. */
export function createGate({ db, silences, inhibition, config, timezone }: GateDeps) {
  const thisMinute = perMinute<Verdict>()

  function ofAlert(delivery: Delivery, record: AlertRecord, nowMs: number): Verdict {
    if (inhibition.isInhibited(record)) return { kind: 'hold', reason: 'inhibit', untilMs: never }
    const settledMs = delivery.created_ms + inhibitorWaitMs
    const isNew = delivery.kind === 'firing' && delivery.hold === null && delivery.attempts === 0
    if (isNew && nowMs < settledMs && nowMs >= delivery.created_ms && inhibition.isTarget(record.ruleId)) {
      return { kind: 'hold', reason: 'inhibit-wait', untilMs: settledMs }
    }
    // Who silences everything must still hear that it will be over.
    const silencedMs = record.ruleId === silenceEndsRule ? undefined : silences.silencedUntil(record, nowMs)
    return silencedMs === undefined ? pass : { kind: 'hold', reason: 'silence', untilMs: silencedMs }
  }

  function ofHours({ route }: Delivery, record: AlertRecord, nowMs: number): Verdict {
    const { active } = record
    const quiet = route === null ? undefined : config().routes[route]?.quiet
    if (!active && !quiet) return pass
    // Calendars are slow to ask, and a storm asks the same one thousands of times.
    return thisMinute(`${JSON.stringify(active)} ${JSON.stringify(quiet)}`, nowMs, () => {
      if (active && !isActive(active, nowMs)) {
        return { kind: 'hold', reason: 'calendar', untilMs: opensAt(active, nowMs) ?? never }
      }
      const untilMs = quiet && quietUntil(quiet, timezone, nowMs)
      return untilMs === undefined ? pass : { kind: 'hold', reason: 'quiet', untilMs }
    })
  }

  function isOver({ alert_id, kind, note }: Delivery): string | undefined {
    if (kind !== 'repeat' && kind !== 'escalation' && kind !== 'acked') return undefined
    const alert = db.prepare('SELECT state, acked_ms FROM notify_alerts WHERE id = ?').get(alert_id) as
      | { state: string; acked_ms: number | null }
      | undefined
    if (alert?.state !== 'firing') return 'over-before-told'
    return alert.acked_ms === null || kind === 'acked' || note === resendNote ? undefined : 'acked'
  }

  return {
    check(delivery: Delivery, record: AlertRecord, nowMs: number): Verdict {
      if (delivery.kind === 'digest') return pass
      const over = isOver(delivery)
      if (over !== undefined) return { kind: 'drop', reason: over }
      if (delivery.kind !== 'resolved') {
        const verdict = ofAlert(delivery, record, nowMs)
        if (verdict.kind !== 'pass') return verdict
      }
      const hours = ofHours(delivery, record, nowMs)
      if (hours.kind !== 'pass' || delivery.kind !== 'firing' || !record.throttle) return hours
      const untilMs = throttledUntil(readThrottle(db, delivery.channel, delivery.thread), nowMs)
      return untilMs === undefined ? pass : { kind: 'hold', reason: 'throttle', untilMs }
    },
    /** True where nothing but the delivery itself could hold a plain one. */
    isOpen: (nowMs: number): boolean => !inhibition.isAnyFiring() && !silences.isAnyActive(nowMs),
  }
}

export type Gate = ReturnType<typeof createGate>
