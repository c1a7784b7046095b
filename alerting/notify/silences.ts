import { randomUUID } from 'node:crypto'
import { RE2JS } from 're2js'
import type { Clock } from '../../runtime/clock.ts'
import type { StateDatabase } from '../state/database.ts'
import { listAlerts } from '../state/outbox.ts'
import type { AlertRecord } from '../transition.ts'
import { fieldText } from './field-text.ts'

/** One condition on an alert: `rule`, `severity`, `owner`, `vhost`, `node`, `label.x`, or a field of its key. */
export interface Matcher {
  readonly name: string
  readonly op: '=' | '!=' | '=~' | '!~'
  readonly value: string
}

export interface SilenceRequest {
  /** All of them must hold. */
  readonly matchers: readonly Matcher[]
  readonly startsMs: number
  readonly endsMs: number
  readonly author: string
  readonly comment: string
}

export interface Silence extends SilenceRequest {
  readonly id: string
  readonly createdMs: number
}

/** `rule=queue-deleted`, `rabbitmq.queue=~order\..*`; undefined where it is none. */
export function parseMatcher(text: string): Matcher | undefined {
  const match = /^\s*([^=!~\s]+)\s*(=~|!~|!=|=)\s*(.*?)\s*$/u.exec(text)
  if (!match?.[1] || match[3] === undefined) return undefined
  return { name: match[1], op: match[2] as Matcher['op'], value: match[3] }
}

export function matcherText({ name, op, value }: Matcher): string {
  return `${name}${op}${value}`
}

/** A pattern must match the whole value. Throws where it is none. */
export function matchesAll(alert: AlertRecord, matchers: readonly Matcher[]): boolean {
  return matchers.every(({ name, op, value }) => {
    const text = fieldText(alert, name) ?? ''
    if (op === '=') return text === value
    if (op === '!=') return text !== value
    return patternOf(value).matches(text) === (op === '=~')
  })
}

const patterns = new Map<string, RE2JS>()

/** A storm asks the same few patterns many thousand times. */
function patternOf(text: string): RE2JS {
  const known = patterns.get(text)
  if (known) return known
  const compiled = RE2JS.compile(text)
  if (patterns.size >= 1000) patterns.clear()
  patterns.set(text, compiled)
  return compiled
}

/** Silences, durable; who asks decides whom to tell. */
export function createSilences(db: StateDatabase, now: Clock) {
  const rows = (sql: string, ...values: number[]) => (db.prepare(sql).all(...values) as unknown as Row[]).map(fromRow)
  return {
    /** Throws a plain Error with the reason where it makes no sense. */
    add(request: SilenceRequest): Silence {
      if (request.matchers.length === 0) throw new Error('a silence needs at least one matcher')
      if (!(request.endsMs > request.startsMs)) throw new Error('a silence must end after it starts')
      for (const { op, value } of request.matchers) if (op.endsWith('~')) RE2JS.compile(value)
      const silence: Silence = { ...request, id: randomUUID(), createdMs: now() }
      db.prepare(
        `INSERT INTO silences (id, matchers, starts_ms, ends_ms, author, comment, created_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ).run(
        silence.id,
        JSON.stringify(silence.matchers),
        silence.startsMs,
        silence.endsMs,
        silence.author,
        silence.comment,
        silence.createdMs,
      )
      return silence
    },
    /** Those that have not ended; with `includeEnded` all that are remembered, newest end first. */
    list: ({ includeEnded = false } = {}): Silence[] =>
      rows('SELECT * FROM silences WHERE ends_ms > ? ORDER BY ends_ms DESC', includeEnded ? 0 : now()),
    /** Ends it now, and what it held is looked at again; false where there is none that could end. */
    expire(id: string): boolean {
      return db.transaction(() => {
        const { changes } = db
          .prepare('UPDATE silences SET ends_ms = ? WHERE id = ? AND ends_ms > ?')
          .run(now(), id, now())
        db.prepare("UPDATE notify_deliveries SET due_ms = 0 WHERE state = 'held' AND hold = 'silence'").run()
        return Number(changes) > 0
      })
    },
    /** Alerts that satisfy them, newest change first: the dry run. Throws where a pattern is none. */
    matching: (matchers: readonly Matcher[], state?: AlertRecord['state'], limit = 1000): AlertRecord[] =>
      listAlerts(db, state, Number.MAX_SAFE_INTEGER)
        .filter((alert) => matchesAll(alert, matchers))
        .slice(0, limit),
    /** Those whose end nobody has been told of. */
    unnoticed: (): Silence[] => rows('SELECT * FROM silences WHERE ends_ms > ? AND noticed = 0', now()),
    noticed: (id: string): void => void db.prepare('UPDATE silences SET noticed = 1 WHERE id = ?').run(id),
    silencedUntil(alert: AlertRecord, nowMs: number): number | undefined {
      const ends = rows('SELECT * FROM silences WHERE ends_ms > ? AND starts_ms <= ?', nowMs, nowMs)
        .filter(({ matchers }) => matchesAll(alert, matchers))
        .map(({ endsMs }) => endsMs)
      return ends.length === 0 ? undefined : Math.max(...ends)
    },
    isAnyActive: (nowMs: number): boolean =>
      db.prepare('SELECT 1 FROM silences WHERE ends_ms > ? AND starts_ms <= ? LIMIT 1').get(nowMs, nowMs) !== undefined,
  }
}

export type Silences = ReturnType<typeof createSilences>

interface Row {
  readonly id: string
  readonly matchers: string
  readonly starts_ms: number
  readonly ends_ms: number
  readonly author: string
  readonly comment: string
  readonly created_ms: number
}

function fromRow(row: Row): Silence {
  return {
    id: row.id,
    matchers: JSON.parse(row.matchers) as Matcher[],
    startsMs: row.starts_ms,
    endsMs: row.ends_ms,
    author: row.author,
    comment: row.comment,
    createdMs: row.created_ms,
  }
}
