import type { ThumpEvent } from '../../../event/event.ts'

/** The fields of a web server's line; absent means unknown. */
export type AccessFields = Pick<
  Partial<ThumpEvent>,
  '@timestamp' | 'user' | 'source' | 'http' | 'url' | 'user_agent' | 'rabbitmq'
> & {
  event?: { action?: string; outcome?: 'success' | 'failure'; duration?: number }
}

const maxLine = 16_384
const line =
  /^(\S{1,64}) \S{1,256} (\S{1,256}|"[^"]{0,256}") \[(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?/
const months: Readonly<Record<string, string>> = {
  Jan: '01',
  Feb: '02',
  Mar: '03',
  Apr: '04',
  May: '05',
  Jun: '06',
  Jul: '07',
  Aug: '08',
  Sep: '09',
  Oct: '10',
  Nov: '11',
  Dec: '12',
}

/** A line of the management HTTP API's access log, or of any combined log; undefined where it is none. Never throws. */
export function parseAccessLine(text: string): AccessFields | undefined {
  return parseCommonPart(text)?.fields
}

/** The same, with what stands behind it: servers may be told to add to the line. */
export function parseCommonPart(text: string): { fields: AccessFields; rest: string } | undefined {
  if (text.length > maxLine) return undefined
  const found = line.exec(text)
  const fields = found && fieldsOf(found)
  return fields ? { fields, rest: text.slice(found[0].length) } : undefined
}

function fieldsOf(found: RegExpExecArray): AccessFields | undefined {
  const [
    ,
    ip = '',
    user = '',
    day = '',
    month = '',
    year = '',
    time = '',
    sign,
    hours,
    minutes,
    request = '',
    status = '',
    bytes = '',
    ,
    agent = '',
  ] = found
  const at = Date.parse(`${year}-${months[month] ?? ''}-${day}T${time}${sign}${hours}:${minutes}`)
  if (Number.isNaN(at)) return undefined
  const [method = '', target = ''] = request.split(' ')
  const name = user.replace(/^"|"$/g, '')
  const code = Number(status)
  const path = target.split('?', 1)[0] ?? ''
  return {
    '@timestamp': new Date(at).toISOString(),
    event: {
      ...(/^[A-Z]+$/.test(method) && { action: method.toLowerCase() }),
      outcome: code < 400 ? 'success' : 'failure',
    },
    ...(/^[\da-f.:]+$/i.test(ip) && { source: { ip: ip.replace(/^::ffff:(?=\d+\.)/i, '') } }),
    ...(name !== '-' && name !== '' && { user: { name } }),
    http: {
      ...(/^[A-Z]+$/.test(method) && { request: { method } }),
      response: { status_code: code, ...(bytes !== '-' && { body: { bytes: Number(bytes) } }) },
    },
    ...(path !== '' && { url: { path } }),
    ...(agent !== '' && agent !== '-' && { user_agent: { original: agent } }),
  }
}
