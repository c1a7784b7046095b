import type { Spec } from '../rules/rule.ts'
import type { Evaluator, KeyState } from './key-state.ts'

interface MatchWindow {
  /** When it was cleared last: an older event that comes late must not open what nothing would close. */
  clearedMs?: number
}

const rememberClearedMs = 3_600_000

export function createMatch(spec: Spec & { kind: 'match' }): Evaluator {
  const { quietMs } = spec
  const windowOf = (state: KeyState) => state.window as MatchWindow
  return {
    fresh: () => ({}),
    take(turn, hit) {
      const { state } = turn
      const window = windowOf(state)
      if (hit.isResolving) {
        window.clearedMs = Math.max(window.clearedMs ?? hit.atMs, hit.atMs)
        if (state.alert && hit.atMs >= state.alert.lastSeenMs) turn.resolve(hit.atMs, false)
        return undefined
      }
      if (state.alert) turn.join(hit)
      else if (window.clearedMs !== undefined && hit.atMs < window.clearedMs) return 'out-of-order'
      else {
        turn.fire(hit.atMs, hit.id, hit, { count: 1, firstSeenMs: hit.atMs })
        if (quietMs === 0) turn.resolve(hit.atMs, true)
      }
      return undefined
    },
    advance(turn, watermarkMs) {
      const { alert } = turn.state
      if (alert && quietMs !== undefined && alert.lastSeenMs + quietMs <= watermarkMs)
        turn.resolve(alert.lastSeenMs + quietMs, true)
    },
    dueMs(state) {
      if (state.alert) return quietMs === undefined ? Number.POSITIVE_INFINITY : state.alert.lastSeenMs + quietMs
      return (windowOf(state).clearedMs ?? Number.NEGATIVE_INFINITY) + rememberClearedMs
    },
    isSpent: (state, watermarkMs) =>
      !state.alert && (windowOf(state).clearedMs ?? Number.NEGATIVE_INFINITY) + rememberClearedMs <= watermarkMs,
  }
}
