import { createHash } from 'node:crypto'
import type { StateDatabase } from '../state/database.ts'
import { appendTransition } from '../state/outbox.ts'
import type { AlertRecord } from '../transition.ts'
import { matcherText, type Silence, type Silences } from './silences.ts'
import { zonedTime } from './times.ts'

/** The rule id of the notice that a silence is about to end while it keeps something quiet. */
export const silenceEndsRule = 'thump-silence-ends'

const beforeMs = 10 * 60_000
/** Shorter ones end before anybody has forgotten them. */
const shortestMs = 2 * beforeMs

/** Ten minutes before a silence ends that still keeps alerts quiet, people are told that these will be told, and may renew it. */
export function createSilenceNotices({
  db,
  silences,
  timezone,
}: {
  readonly db: StateDatabase
  readonly silences: Silences
  readonly timezone: string
}) {
  const isDue = ({ startsMs, endsMs }: Silence, nowMs: number) =>
    endsMs - startsMs >= shortestMs && nowMs >= endsMs - beforeMs && nowMs < endsMs

  return {
    tick(nowMs: number): void {
      for (const silence of silences.unnoticed()) {
        if (!isDue(silence, nowMs)) continue
        db.transaction(() => {
          silences.noticed(silence.id)
          const held = silences.matching(silence.matchers, 'firing').length
          if (held > 0) announce(db, noticeOf(silence, held, timezone, nowMs), nowMs)
        })
      }
    },
  }
}

function noticeOf(silence: Silence, held: number, timezone: string, nowMs: number): AlertRecord {
  const { id, matchers, author, comment, endsMs } = silence
  const text = matchers.map(matcherText).join(', ')
  return {
    id: createHash('sha256')
      .update(JSON.stringify([silenceEndsRule, id]))
      .digest('base64url')
      .slice(0, 22),
    ruleId: silenceEndsRule,
    key: { silence: id },
    state: 'firing',
    severity: 'info',
    labels: {},
    summary: `the silence of ${text} ends at ${zonedTime(endsMs, timezone)}; ${held} ${held === 1 ? 'alert that still fires' : 'alerts that still fire'} will then be told`,
    description: `Made by ${author}${comment === '' ? '' : `: ${comment}`}. Renew it with thump silences add, or mend what it hides.`,
    count: held,
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    samples: [],
    stage: 'live',
  }
}

/** Told once and over: its end says nothing. */
function announce(db: StateDatabase, record: AlertRecord, nowMs: number): void {
  const change = { alertId: record.id, atMs: nowMs, isCatchUp: false }
  appendTransition(db, { ...change, kind: 'firing', record, isSilent: false })
  const end: AlertRecord = { ...record, state: 'resolved', resolvedAtMs: nowMs }
  appendTransition(db, { ...change, kind: 'resolved', record: end, isSilent: true })
}
