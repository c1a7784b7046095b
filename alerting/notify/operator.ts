import type { Clock } from '../../runtime/clock.ts'
import type { Journal } from '../journal.ts'
import type { StateDatabase } from '../state/database.ts'
import { appendTransition, findAlert, listAlerts } from '../state/outbox.ts'
import type { AlertRecord } from '../transition.ts'
import { type Ack, createAcks, type Telling } from './acks.ts'
import { createSilences, type Matcher, matcherText, type Silence, type SilenceRequest } from './silences.ts'

/** An alert as the person on duty asks for it. */
export interface AlertView {
  readonly alert: AlertRecord
  readonly ack?: Ack
  readonly silencedUntilMs?: number
}

export interface AlertDetail extends AlertView {
  /** Who was told what and when, oldest first. */
  readonly tellings: readonly Telling[]
}

export interface Deed {
  readonly by: string
  readonly comment: string
}

/** `unknown`: there is no such alert; `over`: it does not fire any more. */
export type DeedOutcome = { readonly kind: 'done'; readonly alert: AlertRecord } | { readonly kind: 'unknown' | 'over' }

export interface OperatorDeps {
  readonly db: StateDatabase
  readonly journal: Journal
  readonly now: Clock
  /** Ends an alert that the engine holds; false where it holds none of this id. Resolves when that is written. */
  readonly close: (alertId: string) => Promise<boolean>
  /** Channels that show in their message who has taken an alert. */
  readonly showAck: (alert: AlertRecord, deed: Deed) => void
  /** Something has changed that may be told, or told no more. */
  readonly wake: () => void
}

export interface AlertFilter {
  readonly state?: AlertRecord['state']
  readonly matchers?: readonly Matcher[]
  readonly limit: number
}

/** What the people on duty do: each deed is durable, is an event of its own, and takes effect at once. */
export function createOperator({ db, journal, now, close, showAck, wake }: OperatorDeps) {
  const acks = createAcks(db, now)
  const silences = createSilences(db, now)

  function view(alert: AlertRecord): AlertView {
    const ack = acks.of(alert.id)
    const silencedUntilMs = alert.state === 'firing' ? silences.silencedUntil(alert, now()) : undefined
    return { alert, ...(ack && { ack }), ...(silencedUntilMs !== undefined && { silencedUntilMs }) }
  }

  const said = ({ comment }: Deed) => (comment === '' ? '' : `: ${comment}`)

  return {
    nowMs: now,
    alerts: ({ state, matchers = [], limit }: AlertFilter): AlertView[] =>
      (matchers.length === 0 ? listAlerts(db, state, limit) : silences.matching(matchers, state, limit)).map(view),
    /** By its id, or by the first characters of it where no other begins with them. */
    alert(id: string): AlertDetail | undefined {
      const alert = findAlert(db, id)
      return alert && { ...view(alert), tellings: acks.tellings(alert.id) }
    },
    /** Nobody is reminded and nothing escalates any more. */
    ack(id: string, deed: Deed): DeedOutcome {
      const alert = findAlert(db, id)
      if (!alert) return { kind: 'unknown' }
      if (alert.state !== 'firing') return { kind: 'over' }
      db.transaction(() => {
        acks.ack(alert, deed.by, deed.comment)
        showAck(alert, deed)
        journal.write({
          action: 'alert.acked',
          message: `${alert.ruleId} acknowledged by ${deed.by}${said(deed)}`,
          alert,
          by: deed.by,
        })
      })
      wake()
      return { kind: 'done', alert }
    },
    /** Ends it by hand: told like any end. Where its condition still holds, the rule's next decision opens a new one. */
    async resolve(id: string, deed: Deed): Promise<DeedOutcome> {
      const alert = findAlert(db, id)
      if (!alert) return { kind: 'unknown' }
      if (alert.state !== 'firing') return { kind: 'over' }
      db.transaction(() => {
        acks.closing(alert, deed.by, deed.comment)
        journal.write({
          action: 'alert.closed',
          message: `${alert.ruleId} ended by ${deed.by}${said(deed)}`,
          alert,
          by: deed.by,
        })
      })
      if (!(await close(alert.id))) endRecord(db, alert, now())
      wake()
      return { kind: 'done', alert: findAlert(db, alert.id) ?? alert }
    },
    silences: (includeEnded: boolean): Silence[] => silences.list({ includeEnded }),
    /** Firing alerts that these matchers silence: the dry run. */
    silenced: (matchers: readonly Matcher[], limit: number): AlertRecord[] =>
      silences.matching(matchers, 'firing', limit),
    /** Throws a plain Error with the reason where it makes no sense. */
    addSilence(request: SilenceRequest): Silence {
      return db.transaction(() => {
        const silence = silences.add(request)
        const comment = request.comment === '' ? '' : `: ${request.comment}`
        journal.write({
          action: 'silence.added',
          message: `silence of ${textOf(silence)} until ${iso(silence.endsMs)} by ${silence.author}${comment}`,
          by: silence.author,
          silence: factsOf(silence),
        })
        return silence
      })
    },
    /** Undefined where there is none that could end. */
    expireSilence(id: string, by: string): Silence | undefined {
      const silence = silences.list().find((candidate) => candidate.id === id)
      if (!silence) return undefined
      db.transaction(() => {
        silences.expire(id)
        const message = `silence of ${textOf(silence)} ended by ${by}`
        journal.write({ action: 'silence.expired', message, by, silence: factsOf(silence) })
      })
      wake()
      return { ...silence, endsMs: now() }
    },
  }
}

export type Operator = ReturnType<typeof createOperator>

/** The engine does not hold it: an alert of the alerter's own, or of a rule that has gone. */
function endRecord(db: StateDatabase, alert: AlertRecord, nowMs: number): void {
  const record: AlertRecord = { ...alert, state: 'resolved', resolvedAtMs: nowMs }
  db.transaction(() =>
    appendTransition(db, {
      alertId: alert.id,
      kind: 'resolved',
      atMs: nowMs,
      record,
      isCatchUp: false,
      isSilent: false,
    }),
  )
}

const iso = (ms: number) => new Date(ms).toISOString()
const textOf = ({ matchers }: Silence) => matchers.map(matcherText).join(', ')

function factsOf({ id, startsMs, endsMs, comment, ...silence }: Silence): Record<string, string> {
  return {
    id,
    matchers: textOf({ id, startsMs, endsMs, comment, ...silence }),
    startsAt: iso(startsMs),
    endsAt: iso(endsMs),
    comment,
  }
}
