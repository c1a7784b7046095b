import { addActiveTime } from '../rules/calendar.ts'
import { fieldValue } from '../rules/field.ts'
import type { Spec } from '../rules/rule.ts'
import type { Calendar } from '../transition.ts'
import type { Evaluator, KeyState } from './key-state.ts'

interface AbsenceWindow {
  /** From here the silence counts: the last event, the rule's start, or the end of an agent's own silence. */
  sinceMs: number
  /** Whose events these were: while one's agent is silent nothing can be said of its broker. */
  nodes: string[]
}

const maxNodes = 16
const nodePath = ['service', 'node', 'name']

/** Fires at the last event plus `for`, on a clock that stands still outside the rule's calendar. */
export function createAbsence(
  { forMs }: Spec & { kind: 'absence' },
  calendar: () => Calendar | undefined,
  isSilent: (nodes: readonly string[], watermarkMs: number) => boolean,
): Evaluator {
  const windowOf = (state: KeyState) => state.window as AbsenceWindow
  const deadline = (state: KeyState) => addActiveTime(calendar(), windowOf(state).sinceMs, forMs)
  return {
    fresh: (atMs): AbsenceWindow => ({ sinceMs: atMs, nodes: [] }),
    take(turn, hit) {
      const window = windowOf(turn.state)
      const node = fieldValue(hit.event, nodePath)
      if (typeof node === 'string' && !window.nodes.includes(node))
        window.nodes = [...window.nodes, node].slice(-maxNodes)
      if (hit.atMs <= window.sinceMs) return undefined
      window.sinceMs = hit.atMs
      const { alert } = turn.state
      if (alert) turn.resolve(Math.max(hit.atMs, alert.firedAtMs), false)
      return undefined
    },
    advance(turn, watermarkMs) {
      const { state } = turn
      const window = windowOf(state)
      const atMs = deadline(state)
      if (state.alert || atMs > watermarkMs) return
      if (isSilent(window.nodes, watermarkMs)) {
        window.sinceMs = Math.max(window.sinceMs, watermarkMs)
        return
      }
      turn.fire(atMs, `deadline ${atMs}`, undefined, { count: 0, firstSeenMs: window.sinceMs })
    },
    dueMs: (state) => (state.alert ? Number.POSITIVE_INFINITY : deadline(state)),
    isSpent: () => false,
  }
}
