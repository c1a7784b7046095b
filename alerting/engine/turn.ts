import type { Rule } from '../rules/rule.ts'
import { alertId, maxAlertSamples, recordOf, sampleOf } from './alert-record.ts'
import type { NewTransition } from './changes.ts'
import { namedKey } from './group-keys.ts'
import type { FireFacts, Hit, KeyState, OpenAlert, SkipReason, Turn } from './key-state.ts'

export interface TurnContext {
  readonly rule: () => Rule
  readonly firstEventMs: () => number
  readonly skip: (reason: SkipReason) => void
  readonly emit: (transition: Omit<NewTransition, 'isCatchUp'>) => void
}

/** Whose turn it is; one object for all rules, handed to their evaluators again and again. */
export class RuleTurn implements Turn {
  state!: KeyState
  watermarkMs = Number.NEGATIVE_INFINITY
  #context!: TurnContext

  begin(context: TurnContext, state: KeyState, watermarkMs: number): void {
    this.#context = context
    this.state = state
    this.watermarkMs = watermarkMs
  }

  get firstEventMs(): number {
    return this.#context.firstEventMs()
  }

  fire(atMs: number, cause: string, hit: Hit | undefined, facts: FireFacts): void {
    const rule = this.#context.rule()
    const { state } = this
    const key = namedKey(rule, state.key)
    const { count, firstSeenMs, extra } = facts
    const scope = {
      key: state.key.map(String).join(', '),
      count,
      rule: rule.id,
      severity: rule.severity,
      owner: rule.owner ?? '',
      firstSeen: new Date(firstSeenMs).toISOString(),
      lastSeen: new Date(atMs).toISOString(),
      ...extra,
    }
    // Where no event is the cause, the key's own fields still have their values.
    const event: unknown = hit?.event ?? key
    const summary = rule.summary.render(event, scope)
    const alert: OpenAlert = {
      id: alertId(rule.id, state.key, cause),
      firedAtMs: atMs,
      firstSeenMs,
      lastSeenMs: atMs,
      count,
      samples: hit ? [sampleOf(hit.event)] : [],
      summary: state.isOverflow
        ? `${summary} (and every further key: ${rule.maxKeys} alerts of this rule are open)`
        : summary,
      ...(rule.description && { description: rule.description.render(event, scope) }),
    }
    state.alert = alert
    this.#emit('firing', atMs, false, alert)
  }

  skip(reason: SkipReason): void {
    this.#context.skip(reason)
  }

  join(hit: Hit): void {
    const { alert } = this.state
    if (!alert) return
    alert.count++
    alert.lastSeenMs = Math.max(alert.lastSeenMs, hit.atMs)
    if (alert.samples.length < maxAlertSamples) alert.samples.push(sampleOf(hit.event))
  }

  resolve(atMs: number, isSilent: boolean): void {
    const { alert } = this.state
    if (!alert) return
    this.state.alert = undefined
    this.#emit('resolved', atMs, isSilent, alert)
  }

  #emit(kind: 'firing' | 'resolved', atMs: number, isSilent: boolean, alert: OpenAlert): void {
    const record = recordOf(
      this.#context.rule(),
      this.state,
      { ...alert, samples: [...alert.samples] },
      kind === 'resolved' ? atMs : undefined,
    )
    this.#context.emit({ alertId: alert.id, kind, atMs, isSilent, record })
  }
}
