import Holidays from 'date-holidays'
import { Temporal } from 'temporal-polyfill'

const dayMs = 86_400_000

/** Is this the code of a country whose holidays are known? */
export function knowsHolidays(country: string): boolean {
  return country.toUpperCase() in new Holidays().getCountries()
}

/** The public and bank holidays of a year, each as `2026-03-01`. */
export function holidaysOf(country: string, year: number): ReadonlySet<string> {
  const days = new Set<string>()
  const found = new Holidays(country.toUpperCase()).getHolidays(year) as ReadonlyArray<{
    type: string
    date: string
    start: Date
    end: Date
  }>
  for (const { type, date, start, end } of found) {
    if (type !== 'public' && type !== 'bank') continue
    const from = Temporal.PlainDate.from(date.slice(0, 10))
    const length = Math.max(1, Math.round((end.getTime() - start.getTime()) / dayMs))
    for (let offset = 0; offset < length; offset++) days.add(from.add({ days: offset }).toString())
  }
  return days
}
