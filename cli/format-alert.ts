import { spanOf, zonedTime } from '../alerting/notify/times.ts'
import { typedId } from '../alerting/typed-id.ts'
import { printable } from './format-event.ts'

/** An alert as the alerter's API gives it. */
export interface ListedAlert {
  readonly id: string
  readonly rule: string
  readonly state: 'firing' | 'resolved'
  readonly severity: string
  readonly key: Readonly<Record<string, unknown>>
  readonly summary: string
  readonly description?: string
  readonly owner?: string
  readonly runbook?: string
  readonly count: number
  readonly firstSeen: string
  readonly lastSeen: string
  readonly resolvedAt?: string
  readonly stage?: string
  readonly ack?: { readonly by: string; readonly at: string; readonly comment?: string }
  readonly silencedUntil?: string
  readonly samples: ReadonlyArray<{ readonly '@timestamp': string; readonly message?: string }>
  readonly tellings?: ReadonlyArray<{
    readonly channel: string
    readonly kind: string
    readonly state: string
    readonly attempts: number
    readonly detail?: string
    readonly createdAt: string
    readonly settledAt?: string
  }>
}

export interface AlertFormat {
  readonly colour: boolean
  readonly timezone: string
}

const colours: Readonly<Record<string, string>> = { critical: '1;31', high: '31', warning: '33', info: '36' }

/** One line for people: id, severity, since when, what, and who has taken it. */
export function alertLine(alert: ListedAlert, format: AlertFormat): string {
  const word = alert.state === 'resolved' ? 'RESOLVED' : alert.severity.toUpperCase()
  const style = alert.state === 'resolved' ? '32' : (colours[alert.severity] ?? '0')
  const painted = format.colour ? `\u001b[${style}m${word.padEnd(8)}\u001b[0m` : word.padEnd(8)
  const what = printable(alert.summary || alert.rule)
  const times = alert.count > 1 ? ` (×${alert.count})` : ''
  const since = zonedTime(Date.parse(alert.firstSeen), format.timezone)
  return `${typedId(alert.id)}  ${painted}  ${since}  ${what}${times}${standing(alert, format)}`
}

function standing({ ack, silencedUntil, stage }: ListedAlert, { timezone }: AlertFormat): string {
  const notes = [
    ack && `acknowledged by ${printable(ack.by)}`,
    silencedUntil !== undefined && `silenced until ${zonedTime(Date.parse(silencedUntil), timezone)}`,
    stage === 'shadow' && 'shadow: told to nobody',
  ].filter((note) => typeof note === 'string')
  return notes.length === 0 ? '' : `  [${notes.join('; ')}]`
}

/** Everything that is known of one alert. */
export function alertDetailText(alert: ListedAlert, format: AlertFormat): string {
  const at = (text: string) => zonedTime(Date.parse(text), format.timezone)
  const rows: Array<readonly [string, string]> = [
    ['rule', alert.rule],
    ...Object.entries(alert.key).map(([name, value]) => [name, String(value)] as const),
    ['since', at(alert.firstSeen)],
    ['last seen', at(alert.lastSeen)],
    ['count', String(alert.count)],
  ]
  if (alert.resolvedAt !== undefined) {
    const lasted = spanOf(Date.parse(alert.resolvedAt) - Date.parse(alert.firstSeen))
    rows.push(['resolved', `${at(alert.resolvedAt)}, after ${lasted}`])
  }
  if (alert.owner !== undefined) rows.push(['owner', alert.owner])
  if (alert.runbook !== undefined) rows.push(['runbook', alert.runbook])
  if (alert.ack) {
    const { by, at: atText, comment } = alert.ack
    rows.push(['acknowledged', `${at(atText)} by ${by}${comment === undefined ? '' : `: ${comment}`}`])
  }
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  const lines = [
    alertLine(alert, format),
    ...(alert.description === undefined ? [] : ['', printable(alert.description)]),
    '',
    ...rows.map(([name, value]) => `${printable(`${name}:`).padEnd(width)}${printable(value)}`),
    ...section(
      'Events',
      alert.samples.map((event) => `${at(event['@timestamp'])}  ${printable(event.message ?? '')}`),
    ),
    ...section(
      'Told',
      (alert.tellings ?? []).map((telling) => tellingLine(telling, at)),
    ),
  ]
  return `${lines.join('\n')}\n`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)]
}

function tellingLine(
  { channel, kind, state, attempts, detail, createdAt, settledAt }: NonNullable<ListedAlert['tellings']>[number],
  at: (text: string) => string,
): string {
  const tries = attempts > 1 ? `, ${attempts} attempts` : ''
  const why = detail === undefined || detail === '' ? '' : `: ${printable(detail)}`
  return `${at(settledAt ?? createdAt)}  ${printable(channel)}: ${kind} ${state}${tries}${why}`
}
