import type { ThumpEvent } from '../event/event.ts'
import type { Context } from './context.ts'
import { formatEvent } from './format-event.ts'

export type EventPrinter = (event: ThumpEvent) => void

export interface PrinterOptions {
  readonly output: 'text' | 'json'
  readonly utc: boolean
  /** Where the reader stands: no day is named before the first event of this one. */
  readonly nowMs: number
}

/**
 * Events one a line. On a terminal a new day is announced by a line of its own; elsewhere each line carries its date, so
 * that `grep` keeps it.
 */
export function createEventPrinter({ output, utc, nowMs }: PrinterOptions, context: Context): EventPrinter {
  const { out, colour, config, isTty } = context
  if (output === 'json') return (event) => void out.write(`${JSON.stringify(event)}\n`)
  const timezone = utc ? 'UTC' : (config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  // Sweden writes dates as ISO does.
  const days = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeZone: timezone })
  const dayOf = (atMs: number) => (Number.isNaN(atMs) ? '' : days.format(atMs))
  let day = dayOf(nowMs)
  return (event) => {
    const columns = isTty ? process.stdout.columns : undefined
    const line = formatEvent(event, { colour, timezone, columns })
    const own = dayOf(Date.parse(event['@timestamp']))
    if (isTty && own !== day) out.write(colour ? `\u001b[1m${own}\u001b[0m\n` : `${own}\n`)
    day = own
    out.write(isTty ? `${line}\n` : `${own} ${line}\n`)
  }
}
