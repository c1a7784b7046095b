import { oneLine } from '../notify/text.ts'
import type { Backtest } from './backtest.ts'
import type { RuleDifference } from './difference.ts'
import type { RuleTally } from './tally.ts'

export interface BacktestWording {
  readonly timezone: string
  /** Where the running rules come from, or why there are none. */
  readonly comparedWith: string
  readonly tookMs: number
}

const topKeys = 5
const widestDays = 10

/** A backtest for people. */
export function printBacktest(result: Backtest, wording: BacktestWording): string {
  const fired = result.rules.filter(({ firings }) => firings > 0).toSorted((a, b) => b.firings - a.firings)
  const blocks = [
    headOf(result, wording),
    fired.length > 0 ? matrixOf(fired) : undefined,
    ...fired.map((rule) => detailsOf(rule, wording)),
    quietOf(result.rules.filter(({ firings }) => firings === 0)),
    differenceOf(result.difference, wording),
    remarksOf(result),
  ]
  return `${blocks.filter((block) => block !== undefined).join('\n\n')}\n`
}

/** A backtest for programs. */
export function backtestJson(result: Backtest, { comparedWith }: Pick<BacktestWording, 'comparedWith'>): unknown {
  const { events, sinceMs, untilMs, invalid, ahead } = result
  return {
    events,
    ...(sinceMs !== undefined && { since: new Date(sinceMs).toISOString() }),
    ...(untilMs !== undefined && { until: new Date(untilMs).toISOString() }),
    invalid,
    ahead,
    rules: result.rules.map(({ open, days, keys, samples, ...rest }) => ({
      ...rest,
      open: open.size,
      days: Object.fromEntries(days),
      topKeys: topOf(keys, 20).map(([key, firings]) => ({ key, firings })),
      samples: samples.map(({ atMs, ...sample }) => ({ at: new Date(atMs).toISOString(), ...sample })),
    })),
    comparedWith,
    ...(result.difference && { difference: result.difference }),
  }
}

function headOf({ rules, events, sinceMs, untilMs }: Backtest, { timezone, tookMs }: BacktestWording): string {
  const time =
    sinceMs === undefined || untilMs === undefined
      ? ''
      : `, ${clockText(sinceMs, timezone)} to ${clockText(untilMs, timezone)} (${timezone})`
  const firings = rules.reduce((sum, rule) => sum + rule.firings, 0)
  return `${firings} firings of ${rules.length} rules over ${events} events${time}, in ${(tookMs / 1000).toFixed(1)} s`
}

/** Rule by day, where the days fit a screen. */
function matrixOf(fired: readonly RuleTally[]): string {
  const days = [...new Set(fired.flatMap((rule) => [...rule.days.keys()]))].toSorted()
  const shown = days.length <= widestDays ? days : []
  const rows = fired.map((rule) => [
    rule.id,
    rule.stage === 'shadow' ? 'shadow' : rule.severity,
    String(rule.firings),
    String(rule.open.size),
    ...shown.map((day) => String(rule.days.get(day) ?? '·')),
  ])
  return columns([['rule', 'severity', 'firings', 'open', ...shown.map((day) => day.slice(5))], ...rows])
}

function columns(rows: ReadonlyArray<readonly string[]>): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)))
  const cell = (text: string, at: number) => (at < 2 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0))
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

function detailsOf(rule: RuleTally, { timezone }: BacktestWording): string {
  const { id, firings, keys, otherKeys, samples, matched, days } = rule
  const of = otherKeys > 0 ? 'more than ten thousand keys' : keys.size === 1 ? 'one key' : `${keys.size} keys`
  const lines = [`${id}: ${matched} events matched, ${firings} firings of ${of}`]
  const top = topOf(keys, topKeys).filter(([key]) => key !== '')
  if (days.size > widestDays) {
    const [day, count] = topOf(days, 1)[0] ?? ['', 0]
    lines.push(`  on ${days.size} days, most on ${day}: ${count}`)
  }
  for (const [key, count] of top) lines.push(`  ${String(count).padStart(7)} × ${oneLine(key)}`)
  if (otherKeys > 0) lines.push(`  ${String(otherKeys).padStart(7)} × keys beyond the first ten thousand`)
  for (const { atMs, summary } of samples) lines.push(`  ${clockText(atMs, timezone)} ${oneLine(summary)}`)
  return lines.join('\n')
}

function topOf(map: ReadonlyMap<string, number>, count: number): Array<[string, number]> {
  return [...map].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, count)
}

function quietOf(rules: readonly RuleTally[]): string | undefined {
  if (rules.length === 0) return undefined
  const near = rules.filter(({ matched }) => matched > 0).map(({ id, matched }) => `${id} (${matched} events matched)`)
  const silent = rules.filter(({ matched }) => matched === 0).map(({ id }) => id)
  const lines = [`did not fire: ${rules.length} rules`]
  if (near.length > 0) lines.push(`  saw something: ${near.join(', ')}`)
  if (silent.length > 0) lines.push(`  saw nothing: ${silent.join(', ')}`)
  return lines.join('\n')
}

function differenceOf(
  difference: readonly RuleDifference[] | undefined,
  { comparedWith }: BacktestWording,
): string | undefined {
  if (!difference) return comparedWith
  const title = `against ${comparedWith}:`
  if (difference.length === 0) return `${title} every rule decides the same`
  const lines = difference.map(({ id, kind, running, tested, gained, lost }) => {
    if (kind === 'added') return `  + ${id}: new, ${tested} firings`
    if (kind === 'removed') return `  - ${id}: gone, had ${running} firings`
    if (gained === 0 && lost === 0) return `  = ${id}: edited, the same ${tested} firings`
    return `  ~ ${id}: ${running} → ${tested} firings (${gained} only with the edit, ${lost} no longer)`
  })
  return [title, ...lines].join('\n')
}

function remarksOf({ rules, events, sinceMs, invalid, ahead, longText }: Backtest): string {
  const lines = ['Counted before silences, throttles, digests and calendars: these decide what is told.']
  const late = rules.reduce((sum, rule) => sum + rule.late, 0)
  if (late > 0)
    lines.push(`${late} times an event came too late for a rule's window: files must be in the order of time.`)
  if (events > 0 && sinceMs === undefined)
    lines.push(
      'None of the lines is an event with a readable @timestamp: nothing was decided. One event a line, as thump events --output json writes them.',
    )
  if (invalid > 0) lines.push(`${invalid} lines are no JSON object and were passed over.`)
  if (longText > 0)
    lines.push(`${longText} events hold a text of more than 32,768 characters: what lies behind is not scanned.`)
  if (ahead > 0) lines.push(`${ahead} events claim a time that has not come yet.`)
  for (const { id, skipped } of rules) {
    const reasons = Object.entries(skipped).map(([reason, count]) => `${count} ${reason}`)
    if (reasons.length > 0) lines.push(`${id} skipped events: ${reasons.join(', ')}`)
  }
  return lines.join('\n')
}

function clockText(atMs: number, timezone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' }).format(atMs)
}
