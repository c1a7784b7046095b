import type { Json } from '../../../event/event.ts'
import type { ZoneOffset } from '../../parse/formats/zone.ts'
import type { Fields } from './contract.ts'
import { takeLevel, takeMessage, takeOrigin, takePid, takeTime } from './json-parts.ts'

/** What a JSON line says: fields for the event, and its time as stored where it names one. */
export interface JsonLine {
  readonly fields: Fields
  readonly time?: string
}

/**
 * RabbitMQ's JSON formatter (`time level msg pid domain …`, renamed or dropped by its `field_map`) and any other JSON log:
 * what has no place stands below `app`.
 */
export function jsonLine(text: string, zone: ZoneOffset): JsonLine | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
  const parts = new Map(Object.entries(parsed as Record<string, Json>))
  const level = takeLevel(parts)
  const pid = takePid(parts)
  const isLog = level !== undefined || pid !== undefined
  const time = takeTime(parts, zone, isLog)
  const origin = takeOrigin(parts)
  const message = takeMessage(parts, isLog && time !== undefined)
  const rest = [...parts].filter(([, value]) => value !== null && value !== '')
  const app = { ...Object.fromEntries(rest), ...origin }
  const fields: Fields = {
    ...(message !== undefined && message !== '' && { message }),
    ...(level !== undefined && { log: { level } }),
    ...(pid !== undefined && { rabbitmq: { pid } }),
    ...(Object.keys(app).length > 0 && { app }),
  }
  return { fields, ...(time !== undefined && { time }) }
}
