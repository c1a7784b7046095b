import type { Calendar } from '../transition.ts'
import { isTimeZone, knowsHolidays, parseDays, parseHours } from './calendar.ts'
import { complain } from './complain.ts'
import type { ConditionContext } from './condition.ts'
import type { RuleInput } from './schema.ts'

/** When a rule is active; without a zone of its own in `timezone`. */
export function compileCalendar(
  input: NonNullable<RuleInput['active']>,
  context: ConditionContext & { readonly timezone: string },
): Calendar {
  const days = input.days === undefined ? undefined : parseDays(input.days)
  if (input.days !== undefined && !days)
    complain(context, ['active', 'days'], 'calendar', 'days are mon-fri, or mon,wed, or a list')
  const hours = input.hours === undefined ? undefined : [input.hours].flat().map(parseHours)
  if (hours?.includes(undefined)) complain(context, ['active', 'hours'], 'calendar', 'hours are written "08:00-20:00"')
  const tz = input.tz ?? context.timezone
  const isZone = isTimeZone(tz)
  if (!isZone) complain(context, ['active', 'tz'], 'calendar', `"${tz}" is not a time zone; write it as Asia/Seoul`)
  const { holidays } = input
  if (holidays !== undefined && !knowsHolidays(holidays))
    complain(
      context,
      ['active', 'holidays'],
      'calendar',
      `no holidays are known for "${holidays}"; write a country as kr`,
    )
  return {
    ...(days && { days }),
    ...(hours && { hours: hours.filter((range) => range !== undefined) }),
    tz: isZone ? tz : 'UTC',
    ...(holidays !== undefined && knowsHolidays(holidays) && { holidays }),
  }
}
