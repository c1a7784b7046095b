import type { Json } from '../../../event/event.ts'
import { levelOf } from '../../parse/formats/level.ts'
import { epoch, minuteOf, type Stamp } from '../../parse/formats/stamp.ts'
import type { ZoneOffset } from '../../parse/formats/zone.ts'
import type { Fields } from './contract.ts'

/** What a JSON line says: fields for the event, and its time as stored where it names one. */
export interface JsonLine {
  readonly fields: Fields
  readonly time?: string
}

const timeNames = ['time', '@timestamp', 'timestamp', 'ts']
const messageNames = ['msg', 'message']
const levelNames = ['level', 'severity', 'log.level']

/** RabbitMQ's JSON formatter (`time level msg pid domain …`) and any other JSON log: what has no place stands below `app`. */
export function jsonLine(text: string, zone: ZoneOffset): JsonLine | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
  const rest = new Map(Object.entries(parsed as Record<string, Json>))
  const take = (names: readonly string[]) => {
    for (const name of names) {
      const value = rest.get(name)
      if (typeof value !== 'string' && typeof value !== 'number') continue
      rest.delete(name)
      return String(value)
    }
    return undefined
  }
  const time = timeOf(take(timeNames), zone)
  const message = take(messageNames)
  const level = levelOf(take(levelNames) ?? '')
  const pid = rest.get('pid')
  const hasPid = typeof pid === 'string' && pid.startsWith('<')
  if (hasPid) rest.delete('pid')
  const app = Object.fromEntries([...rest].filter(([, value]) => value !== null && value !== ''))
  const fields: Fields = {
    ...(message !== undefined && message !== '' && { message }),
    ...(level !== undefined && { log: { level } }),
    ...(hasPid && { rabbitmq: { pid } }),
    ...(Object.keys(app).length > 0 && { app }),
  }
  return { fields, ...(time !== undefined && { time }) }
}

function timeOf(text: string | undefined, zone: ZoneOffset): string | undefined {
  if (text === undefined) return undefined
  const stamp: Stamp = { iso: '', ms: 0 }
  if (/^\d{10,19}(\.\d+)?$/.test(text)) return epoch(text, stamp) ? stamp.iso : undefined
  const found = /^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d):(\d\d)(?:[.,](\d+))?\s*(Z|[+-]\d\d:?\d\d)?$/.exec(text)
  if (!found) return undefined
  const [, minute = '', second = '', fraction = '', named = ''] = found
  const ms = minuteOf(minute + named, zone)
  if (Number.isNaN(ms)) return undefined
  return `${new Date(ms).toISOString().slice(0, 17)}${second}.${fraction.padEnd(3, '0')}Z`
}
