import { fieldValue } from '../rules/field.ts'
import type { Spec } from '../rules/rule.ts'
import type { Evaluator, Hit, KeyState, Turn } from './key-state.ts'

/** Types whose alerts are instants: each is an episode of its own, told once, closed silently. */

function tell(turn: Turn, hit: Hit, extra: Readonly<Record<string, unknown>>): void {
  turn.fire(hit.atMs, hit.id, hit, { count: 1, firstSeenMs: hit.atMs, extra })
  turn.resolve(hit.atMs, true)
}

interface ChangeWindow {
  atMs?: number
  value?: string
}

/** A field's value differs from the last one of its key. */
export function createChange({ field }: Spec & { kind: 'change' }): Evaluator {
  return {
    fresh: (): ChangeWindow => ({}),
    take(turn, hit) {
      const window = turn.state.window as ChangeWindow
      const found = fieldValue(hit.event, field)
      if (found === undefined) return 'no-field'
      if (window.atMs !== undefined && hit.atMs < window.atMs) return 'out-of-order'
      const value = JSON.stringify(found)
      const previous = window.value
      window.atMs = hit.atMs
      window.value = value
      if (previous !== undefined && previous !== value)
        tell(turn, hit, { value: found, previous: JSON.parse(previous) as unknown })
      return undefined
    },
    advance: () => {},
    dueMs: () => Number.POSITIVE_INFINITY,
    isSpent: () => false,
  }
}

interface NewValueWindow {
  /** Tuple → last sight; a record, so that it can be stored as it is. */
  seen: Record<string, number>
  size: number
  newestMs: number
  sweptMs: number
}

const maxValues = 100_000

/** A tuple of values not seen within `remember`. */
export function createNewValue({ fields, rememberMs, learnMs }: Spec & { kind: 'newValue' }): Evaluator {
  const windowOf = (state: KeyState) => state.window as NewValueWindow
  return {
    fresh: (atMs): NewValueWindow => ({
      seen: Object.create(null) as Record<string, number>,
      size: 0,
      newestMs: atMs,
      sweptMs: 0,
    }),
    take(turn, hit) {
      const window = windowOf(turn.state)
      const values = fields.map((field) => fieldValue(hit.event, field))
      if (values.includes(undefined)) return 'no-field'
      const tuple = JSON.stringify(values)
      const lastMs = Object.hasOwn(window.seen, tuple) ? window.seen[tuple] : undefined
      if (lastMs !== undefined) delete window.seen[tuple]
      else if (++window.size > maxValues) {
        forgetStalest(window)
        turn.skip('samples-cap')
      }
      window.newestMs = Math.max(window.newestMs, hit.atMs)
      window.seen[tuple] = Math.max(lastMs ?? hit.atMs, hit.atMs)
      const isKnown = lastMs !== undefined && lastMs > hit.atMs - rememberMs
      const isLearning = hit.atMs < turn.firstEventMs + learnMs
      if (!isKnown && !isLearning)
        tell(turn, hit, { value: values.length === 1 ? values[0] : values.map(String).join(', ') })
      return undefined
    },
    advance({ state }, watermarkMs) {
      const window = windowOf(state)
      window.sweptMs = watermarkMs
      for (const [tuple, atMs] of Object.entries(window.seen)) {
        if (atMs > watermarkMs - rememberMs) continue
        delete window.seen[tuple]
        window.size--
      }
    },
    // Coarse on purpose: a forgotten value costs nothing until it is seen again, and then its own time decides.
    dueMs: (state) => Math.max(windowOf(state).newestMs, windowOf(state).sweptMs) + rememberMs,
    isSpent: (state) => windowOf(state).size === 0,
  }
}

/** Values stand in the order they were last seen in. */
function forgetStalest(window: NewValueWindow): void {
  for (const tuple in window.seen) {
    delete window.seen[tuple]
    window.size--
    return
  }
}
