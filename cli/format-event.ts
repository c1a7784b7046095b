import type { ThumpEvent } from '../event/event.ts'
import { cellsOf } from '../runtime/terminal-cells.ts'

export interface EventFormat {
  readonly colour: boolean
  /** IANA zone that times are shown in. */
  readonly timezone: string
  /** Lines are cut to this width on a terminal; absent = never. */
  readonly columns?: number | undefined
}

const labelWidth = 22
const styles = { red: '31', yellow: '33', green: '32', cyan: '36', dim: '2', alarm: '1;31' } as const
type Style = keyof typeof styles

/** One line for people: time, what, and the sentence with who did it. Broker text can move no cursor and forge no line. */
export function formatEvent(event: ThumpEvent, format: EventFormat): string {
  const label = printable(labelOf(event)).slice(0, labelWidth).padEnd(labelWidth)
  const time = clockTime(Date.parse(event['@timestamp']), format.timezone)
  const text = printable([event.message, whoOf(event)].filter(Boolean).join('  '))
  const room = format.columns === undefined ? undefined : format.columns - time.length - labelWidth - 2
  const shown = room === undefined || room < 20 ? text : cut(text, room)
  return `${paint(time, 'dim', format)} ${paint(label, styleOf(event), format)} ${shown}`
}

const alertLabels: Readonly<Record<string, string>> = {
  'alert.resolved': 'RESOLVED',
  'alert.notified': 'told',
  'alert.rejected': 'not told',
  'alert.acked': 'acknowledged',
  'alert.closed': 'ended by hand',
}

/** The operation, the catalogue's code, the source's own word, else the level or the dataset. */
export function labelOf({ amqp, event, log }: ThumpEvent): string {
  if (event.dataset === 'thump.alert') return alertLabels[event.action ?? ''] ?? 'ALERT'
  return amqp?.operation ?? event.code ?? event.action ?? log?.level ?? event.dataset
}

/** Who, where the sentence does not say it already. */
function whoOf({ user, source, message, event }: ThumpEvent): string {
  if (event.dataset === 'thump.alert') return ''
  const name = user?.name !== undefined && !message.includes(user.name) ? `by ${user.name}` : ''
  const from = source?.ip !== undefined && !message.includes(source.ip) ? `from ${source.ip}` : ''
  const who = [name, from].filter(Boolean).join(' ')
  return who === '' ? '' : `(${who})`
}

function styleOf({ event, log, amqp }: ThumpEvent): Style {
  if (event.dataset === 'thump.alert') {
    if (event.action === 'alert.firing') return 'alarm'
    return event.action === 'alert.resolved' ? 'green' : event.action === 'alert.rejected' ? 'red' : 'dim'
  }
  if (event.outcome === 'failure' || /^(error|critical|alert|emergency)$/.test(log?.level ?? '')) return 'red'
  if (log?.level === 'warning' || /\.(delete|purge|clear)$/.test(amqp?.operation ?? '')) return 'yellow'
  if (amqp?.operation === 'basic.publish' || amqp?.operation === 'basic.deliver') return 'dim'
  return amqp?.operation === undefined ? 'dim' : 'cyan'
}

function paint(text: string, style: Style, { colour }: EventFormat): string {
  return colour ? `\u001b[${styles[style]}m${text}\u001b[0m` : text
}

const clocks = new Map<string, Intl.DateTimeFormat>()

function clockTime(atMs: number, timeZone: string): string {
  if (Number.isNaN(atMs)) return '--:--:--.---'
  let clock = clocks.get(timeZone)
  if (!clock) {
    const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone } as const
    clocks.set(timeZone, (clock = new Intl.DateTimeFormat('en-GB', { ...options, fractionalSecondDigits: 3 })))
  }
  return clock.format(atMs)
}

/** Control characters, bidirectional overrides and line breaks become visible: a name must not write to the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' ? ' ⏎ ' : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

/** Cuts to a number of terminal cells; East Asian characters take two. */
function cut(text: string, cells: number): string {
  let used = 0
  let kept = ''
  for (const character of text) {
    used += cellsOf(character)
    if (used > cells - 1) return `${kept}…`
    kept += character
  }
  return kept
}
