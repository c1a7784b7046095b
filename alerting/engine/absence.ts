import { addActiveTime } from '../rules/calendar.ts'
import { fieldValue } from '../rules/field.ts'
import type { Spec } from '../rules/rule.ts'
import type { Calendar } from '../transition.ts'
import type { Evaluator, KeyState } from './key-state.ts'

/** Events of which none is further than `for` from the next. */
interface Island {
  fromMs: number
  toMs: number
}

interface AbsenceWindow {
  /** In order, never empty. The first is where the silence that is judged next begins: its last event, the rule's start, or the end of an agent's own silence. */
  islands: Island[]
  /** Whose events these were: while one's agent is silent nothing can be said of its broker. */
  nodes: string[]
  /** It is judged from the rule's start on, whatever came before. */
  isBegun?: true
}

const maxNodes = 16
const maxIslands = 1000
const nodePath = ['service', 'node', 'name']

/**
 * Fires at the last event plus `for`, on a clock that stands still outside the rule's calendar. Decided in event time
 * alone: a silence between two events is told even where both were read at once.
 */
export function createAbsence(
  { forMs }: Spec & { kind: 'absence' },
  calendar: () => Calendar | undefined,
  isSilent: (nodes: readonly string[], watermarkMs: number) => boolean,
): Evaluator {
  const windowOf = (state: KeyState) => state.window as AbsenceWindow
  const deadline = (fromMs: number) => addActiveTime(calendar(), fromMs, forMs)
  const first = (state: KeyState) => windowOf(state).islands[0] as Island
  return {
    fresh: (atMs, isBegun): AbsenceWindow => ({
      islands: [{ fromMs: atMs, toMs: atMs }],
      nodes: [],
      ...(isBegun && { isBegun }),
    }),
    take(turn, hit) {
      const window = windowOf(turn.state)
      const node = fieldValue(hit.event, nodePath)
      if (typeof node === 'string' && !window.nodes.includes(node))
        window.nodes = [...window.nodes, node].slice(-maxNodes)
      const { alert } = turn.state
      const isFirst = !window.isBegun && hit.atMs > turn.watermarkMs && hit.atMs < first(turn.state).fromMs
      if (!alert && isFirst) prepend(window.islands, hit.atMs, deadline)
      else if (!alert) insert(window.islands, hit.atMs, deadline)
      else if (hit.atMs > alert.firedAtMs) {
        window.islands = [{ fromMs: hit.atMs, toMs: hit.atMs }]
        turn.resolve(hit.atMs, false)
      } else first(turn.state).toMs = Math.max(first(turn.state).toMs, hit.atMs)
      return undefined
    },
    advance(turn, watermarkMs) {
      const { state } = turn
      const { islands, nodes } = windowOf(state)
      while (!state.alert) {
        const { toMs } = first(state)
        const atMs = deadline(toMs)
        if (atMs > watermarkMs) return
        if (islands.length === 1 && isSilent(nodes, watermarkMs)) {
          first(state).toMs = Math.max(toMs, watermarkMs)
          return
        }
        turn.fire(atMs, `deadline ${atMs}`, undefined, { count: 0, firstSeenMs: toMs })
        if (islands.length === 1) return
        islands.shift()
        turn.resolve(first(state).fromMs, false)
      }
    },
    dueMs: (state) => (state.alert ? Number.POSITIVE_INFINITY : deadline(first(state).toMs)),
    isSpent: () => false,
  }
}

/** An event read late that nothing has been decided about: the key begins with it. */
function prepend(islands: Island[], atMs: number, deadline: (fromMs: number) => number): void {
  const first = islands[0] as Island
  if (first.fromMs <= deadline(atMs)) first.fromMs = atMs
  else islands.unshift({ fromMs: atMs, toMs: atMs })
}

/** Joins what the event brings within reach of each other. */
function insert(islands: Island[], atMs: number, deadline: (fromMs: number) => number): void {
  let index = islands.length - 1
  while (index > 0 && (islands[index] as Island).fromMs > atMs) index--
  const before = islands[index] as Island
  if (atMs <= before.toMs) return
  if (atMs <= deadline(before.toMs)) before.toMs = atMs
  else {
    islands.splice(++index, 0, { fromMs: atMs, toMs: atMs })
    // Of very many silences the oldest are not told apart any more.
    if (islands.length > maxIslands) islands.splice(1, 1)
  }
  const here = islands[index] as Island
  const after = islands[index + 1]
  if (!after || after.fromMs > deadline(here.toMs)) return
  here.toMs = Math.max(here.toMs, after.toMs)
  islands.splice(index + 1, 1)
}
