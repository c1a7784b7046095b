import type { ChannelConfig } from '../../runtime/config/schema-alerting.ts'

export interface Limits {
  readonly rate: { readonly count: number; readonly perMs: number }
  /** So many go at once before the rate holds. */
  readonly burst: number
  /** More than these waiting are told in one digest instead. */
  readonly backlog: number
  readonly perHour?: number
}

const second = 1000
const minute = 60_000
/** What each medium is known to take; `rate` in the channel's configuration replaces it. */
const usual: Readonly<Record<ChannelConfig['type'], { count: number; perMs: number; burst: number }>> = {
  slack: { count: 1, perMs: second, burst: 10 },
  email: { count: 30, perMs: minute, burst: 20 },
  webhook: { count: 20, perMs: second, burst: 200 },
  pagerduty: { count: 2, perMs: second, burst: 20 },
  teams: { count: 1, perMs: second, burst: 4 },
  discord: { count: 30, perMs: minute, burst: 5 },
  telegram: { count: 20, perMs: minute, burst: 5 },
  alertmanager: { count: 20, perMs: second, burst: 200 },
  command: { count: 5, perMs: second, burst: 20 },
  kakaowork: { count: 1, perMs: second, burst: 5 },
}
const patienceMs = 10_000

/** A backlog that would take longer than ten seconds is no longer told one by one. */
export function limitsOf({ type, rate, cap }: ChannelConfig): Limits {
  const chosen = rate ? { ...rate, burst: rate.count } : usual[type]
  return {
    rate: { count: chosen.count, perMs: chosen.perMs },
    burst: chosen.burst,
    backlog: Math.max(chosen.burst, Math.ceil((chosen.count * patienceMs) / chosen.perMs)),
    ...(cap && { perHour: cap.perHour }),
  }
}
