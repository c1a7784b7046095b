import { epoch, minuteOf, type Stamp } from '../../parse/formats/stamp.ts'
import type { ZoneOffset } from '../../parse/formats/zone.ts'

/** The time of 3.6's `=WORD REPORT==== 22-Nov-2026::16:45:37 ===`; false, and `out` as it was, where there is none. */
export function reportTime(header: string, zone: ZoneOffset, out: Stamp): boolean {
  const found = /=== (\d{1,2})-(\w{3})-(\d{4})::(\d\d:\d\d):(\d\d)(?:\.(\d+))? ===/.exec(header)
  if (!found) return false
  const [, day = '', monthName = '', year = '', minute = '', second = '', fraction = ''] = found
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].indexOf(monthName)
  const ms = minuteOf(`${year}-${String(month + 1).padStart(2, '0')}-${day.padStart(2, '0')} ${minute}`, zone)
  if (month === -1 || Number.isNaN(ms)) return false
  return epoch(`${String(Math.floor(ms / 1000) + Number(second)).padStart(10, '0')}${fraction}`, out)
}
