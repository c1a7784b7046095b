import type { ThumpEvent } from '../../event/event.ts'
import { typedId } from '../typed-id.ts'
import type { AlertRecord } from '../transition.ts'
import type { Wording } from './channel.ts'
import { linkOf, overviewLink } from './links.ts'
import type { Notice } from './notice.ts'
import { oneLine, severalLines } from './text.ts'
import { ordinal, spanOf, zonedTime } from './times.ts'
import { whoDidIt } from './who.ts'

/** What a message says, medium aside: text is cleaned and cut, yet not escaped. */
export interface Story {
  /** `CRITICAL queue orders deleted by app`: one line. */
  readonly title: string
  readonly isResolved: boolean
  readonly severity: AlertRecord['severity']
  readonly description?: string
  readonly facts: ReadonlyArray<{ readonly name: string; readonly value: string }>
  /** The last related events, newest last: time and sentence. */
  readonly lines: readonly string[]
  readonly runbook?: string
  readonly link?: string
  /** A command that shows all of it, where there is no link. */
  readonly command?: string
  readonly note?: string
}

const maxLines = 5

/** The message at 3 a.m.: what, where, who, since when, how often, what to do, and one link. */
export function tellStory(notice: Notice, wording: Wording): Story {
  const [alert] = notice.alerts
  return notice.digest ? digestStory(notice, notice.digest, wording) : alertStory(alert, notice, wording)
}

/** `RESOLVED`, `CRITICAL`, `WARNING (still firing)`. */
function stateWord(alert: AlertRecord, kind: Notice['kind']): string {
  if (alert.state === 'resolved') return 'RESOLVED'
  const word = alert.severity.toUpperCase()
  if (kind === 'test') return `TEST ${word}`
  if (kind === 'acked') return `${word} (acknowledged)`
  return kind === 'repeat' ? `${word} (still firing)` : word
}

function alertStory(alert: AlertRecord, notice: Notice, wording: Wording): Story {
  const { kind, note, context } = notice
  const link = linkOf(alert, wording)
  const deed = context?.deed ?? alert.samples.at(-1)
  return {
    title: `${stateWord(alert, kind)} ${oneLine(alert.summary) || alert.ruleId}`,
    isResolved: alert.state === 'resolved',
    severity: alert.severity,
    ...(alert.description !== undefined && { description: severalLines(alert.description) }),
    facts: [
      ...placeFacts(alert, deed),
      ...whoDidIt(deed).map(({ name, value }) => fact(name, value)),
      ...timeFacts(alert, notice, wording),
      ...ruleFacts(alert),
    ],
    lines: lastEvents(alert, context?.related ?? []).map((event) => eventLine(event, wording)),
    ...(alert.runbook !== undefined && { runbook: oneLine(alert.runbook, 1000) }),
    ...(link === undefined ? kind !== 'test' && { command: commandOf(alert) } : { link }),
    ...(note !== undefined && { note: oneLine(note) }),
  }
}

/** The alert's own id is the only word in it: what a broker's names hold must not reach anybody's shell. */
function commandOf({ id }: AlertRecord): string {
  return `thump alerts show ${typedId(id)}`
}

type Fact = Story['facts'][number]

/** As people say them; every other field keeps its name. */
const shortNames: Readonly<Record<string, string>> = {
  'rabbitmq.vhost': 'vhost',
  'rabbitmq.queue': 'queue',
  'rabbitmq.exchange': 'exchange',
  'service.node.name': 'node',
  'user.name': 'user',
  'source.ip': 'address',
  'client.name': 'client',
}

function placeFacts(alert: AlertRecord, event: ThumpEvent | undefined): Fact[] {
  const facts = Object.entries(alert.key).map(([name, value]) => fact(shortNames[name] ?? name, value))
  const known = new Set(Object.keys(alert.key))
  for (const [name, value] of [
    ['rabbitmq.queue', event?.rabbitmq?.queue],
    ['rabbitmq.exchange', event?.rabbitmq?.exchange],
    ['rabbitmq.vhost', event?.rabbitmq?.vhost],
    ['service.node.name', event?.service?.node?.name],
    ['service.name', event?.service?.name],
  ] as const) {
    if (value !== undefined && !known.has(name)) facts.push(fact(shortNames[name] ?? 'cluster', value))
  }
  return facts
}

function timeFacts(alert: AlertRecord, { context }: Notice, { timezone }: Wording): Fact[] {
  const facts = [fact('since', zonedTime(alert.firstSeenMs, timezone))]
  if (alert.resolvedAtMs !== undefined) {
    const lasted = spanOf(alert.resolvedAtMs - alert.firstSeenMs)
    facts.push(fact('resolved', `${zonedTime(alert.resolvedAtMs, timezone)}, after ${lasted}`))
  } else if (alert.lastSeenMs !== alert.firstSeenMs) {
    const lasts = spanOf(alert.lastSeenMs - alert.firstSeenMs)
    facts.push(fact('last seen', `${zonedTime(alert.lastSeenMs, timezone)}, ${lasts} later`))
  }
  const episodes = context?.episodes ?? 1
  const again = episodes > 1 ? `; the ${ordinal(episodes)} alert of this within 24 hours` : ''
  return [...facts, fact('count', `${alert.count}${again}`)]
}

function ruleFacts(alert: AlertRecord): Fact[] {
  return [
    fact('rule', alert.ruleId),
    fact('severity', alert.severity),
    ...(alert.owner === undefined ? [] : [fact('owner', alert.owner)]),
    ...(alert.isOverflow ? [fact('note', 'stands for all keys beyond the rule’s limit')] : []),
  ]
}

function fact(name: string, value: string | number | boolean): Fact {
  return { name: oneLine(name, 64), value: oneLine(String(value)) }
}

/** The alert's own samples and what is stored around them, each once, newest last; the alert's newest one is always there. */
function lastEvents({ samples }: AlertRecord, related: readonly ThumpEvent[]): ThumpEvent[] {
  const own = samples.slice(-maxLines)
  const ids = new Set(own.map(({ event }) => event?.id))
  const others = related.filter(({ event }) => !ids.has(event.id))
  const room = maxLines - own.length
  const chosen = [...(room > 0 ? others.slice(-room) : []), ...own]
  return chosen.toSorted((a, b) => timeOf(a) - timeOf(b))
}

const timeOf = (event: ThumpEvent) => Date.parse(event['@timestamp']) || 0

function eventLine(event: ThumpEvent, { timezone }: Wording): string {
  const atMs = Date.parse(event['@timestamp'])
  const time = Number.isNaN(atMs) ? '' : `${zonedTime(atMs, timezone)} `
  return `${time}${oneLine(typeof event.message === 'string' ? event.message : '', 300)}`
}

function digestTitle({ kind, group, alerts }: Notice, digest: NonNullable<Notice['digest']>): string {
  if (kind === 'group' && group)
    return `GROUP of ${group.firing + group.resolved} alerts: ${group.firing} firing, ${group.resolved} resolved`
  const [alert] = alerts
  if (digest.total === 1) return `${stateWord(alert, 'digest')} ${oneLine(alert.summary) || alert.ruleId}`
  const shown = digest.shown < digest.total ? `, ${digest.shown} of them shown` : ''
  return `DIGEST ${digest.total} alerts of ${digest.rules.length} ${digest.rules.length === 1 ? 'rule' : 'rules'}${shown}`
}

function digestStory(notice: Notice, digest: NonNullable<Notice['digest']>, wording: Wording): Story {
  const { alerts, note, kind, group } = notice
  const worst = alerts[0]
  const link = overviewLink(wording)
  const isGroup = kind === 'group' && group !== undefined
  return {
    title: digestTitle(notice, digest),
    isResolved: isGroup ? group.firing === 0 : alerts.every(({ state }) => state === 'resolved'),
    severity: worst.severity,
    description: `In one message: ${digest.reason}.`,
    facts: isGroup ? [] : digest.rules.slice(0, 20).map(({ rule, count }) => fact(rule, count)),
    lines: alerts.map(
      (alert) =>
        `${zonedTime(alert.firstSeenMs, wording.timezone)} ${stateWord(alert, 'digest')} ${oneLine(alert.summary) || alert.ruleId}`,
    ),
    ...(link === undefined ? { command: 'thump alerts list' } : { link }),
    ...(note !== undefined && { note: oneLine(note) }),
  }
}
