import type { ThumpEvent } from '../../event/event.ts'
import type { AlertRecord } from '../transition.ts'
import type { Wording } from './channel.ts'
import type { Notice } from './notice.ts'
import { oneLine, severalLines } from './text.ts'
import { spanOf, zonedTime } from './times.ts'

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
  return kind === 'repeat' ? `${word} (still firing)` : word
}

function alertStory(alert: AlertRecord, { kind, note }: Notice, wording: Wording): Story {
  const link = linkOf(alert, wording)
  return {
    title: `${stateWord(alert, kind)} ${oneLine(alert.summary) || alert.ruleId}`,
    isResolved: alert.state === 'resolved',
    severity: alert.severity,
    ...(alert.description !== undefined && { description: severalLines(alert.description) }),
    facts: [
      ...placeFacts(alert),
      ...actorFacts(alert.samples.at(-1)),
      ...timeFacts(alert, wording),
      ...ruleFacts(alert),
    ],
    lines: alert.samples.slice(-maxLines).map((event) => sampleLine(event, wording)),
    ...(alert.runbook !== undefined && { runbook: oneLine(alert.runbook, 1000) }),
    ...(link !== undefined && { link }),
    ...(note !== undefined && { note: oneLine(note) }),
  }
}

type Fact = Story['facts'][number]

function placeFacts(alert: AlertRecord): Fact[] {
  const facts = Object.entries(alert.key).map(([name, value]) => fact(name, value))
  const event = alert.samples.at(-1)
  const known = new Set(Object.keys(alert.key))
  for (const [name, value] of [
    ['rabbitmq.vhost', event?.rabbitmq?.vhost],
    ['rabbitmq.queue', event?.rabbitmq?.queue],
    ['rabbitmq.exchange', event?.rabbitmq?.exchange],
    ['service.node.name', event?.service?.node?.name],
  ] as const) {
    if (value !== undefined && !known.has(name)) facts.push(fact(name, value))
  }
  return facts
}

/** Who did it, from where, by which way, as far as it is known. */
function actorFacts(event: ThumpEvent | undefined): Fact[] {
  if (!event) return []
  const who = [
    event.user?.name,
    event.source?.ip !== undefined && `from ${event.source.ip}`,
    event.client?.name !== undefined && `(${event.client.name})`,
    event.rabbitmq?.attribution !== undefined && `via ${event.rabbitmq.attribution}`,
  ].filter((part) => typeof part === 'string')
  return event.user?.name === undefined && event.source?.ip === undefined ? [] : [fact('who', who.join(' '))]
}

function timeFacts(alert: AlertRecord, { timezone }: Wording): Fact[] {
  const facts = [fact('since', zonedTime(alert.firstSeenMs, timezone))]
  if (alert.resolvedAtMs !== undefined) {
    const lasted = spanOf(alert.resolvedAtMs - alert.firstSeenMs)
    facts.push(fact('resolved', `${zonedTime(alert.resolvedAtMs, timezone)}, after ${lasted}`))
  } else if (alert.lastSeenMs !== alert.firstSeenMs) {
    facts.push(fact('last seen', zonedTime(alert.lastSeenMs, timezone)))
  }
  return [...facts, fact('count', alert.count)]
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

function sampleLine(event: ThumpEvent, { timezone }: Wording): string {
  const atMs = Date.parse(event['@timestamp'])
  const time = Number.isNaN(atMs) ? '' : `${zonedTime(atMs, timezone)} `
  return `${time}${oneLine(typeof event.message === 'string' ? event.message : '', 300)}`
}

function digestStory({ alerts, note }: Notice, digest: NonNullable<Notice['digest']>, wording: Wording): Story {
  const worst = alerts[0]
  const link = wording.publicUrl === undefined ? undefined : `${wording.publicUrl.replace(/\/+$/u, '')}/alerts`
  const shown = digest.shown < digest.total ? `, ${digest.shown} of them shown` : ''
  return {
    title: `DIGEST ${digest.total} alerts of ${digest.rules.length} ${digest.rules.length === 1 ? 'rule' : 'rules'}${shown}`,
    isResolved: alerts.every(({ state }) => state === 'resolved'),
    severity: worst.severity,
    description: `In one message: ${digest.reason}.`,
    facts: digest.rules.slice(0, 20).map(({ rule, count }) => fact(rule, count)),
    lines: alerts.map(
      (alert) =>
        `${zonedTime(alert.firstSeenMs, wording.timezone)} ${stateWord(alert, 'digest')} ${oneLine(alert.summary) || alert.ruleId}`,
    ),
    ...(link !== undefined && { link }),
    ...(note !== undefined && { note: oneLine(note) }),
  }
}

/** Where people look at it, if there is a console for them. */
export function linkOf(alert: AlertRecord, { publicUrl }: Wording): string | undefined {
  return publicUrl === undefined
    ? undefined
    : `${publicUrl.replace(/\/+$/u, '')}/alerts/${encodeURIComponent(alert.id)}`
}
