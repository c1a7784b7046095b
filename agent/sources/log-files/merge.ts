import type { ThumpEvent } from '../../../event/event.ts'
import type { Fields } from './contract.ts'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The event with the fields laid over it, nested objects merged; an input's own dataset wins over a parser's. */
export function merge(event: ThumpEvent, fields: Fields, dataset?: string): ThumpEvent {
  const merged = overlay(event, fields) as ThumpEvent
  if (dataset !== undefined) merged.event.dataset = dataset
  return merged
}

/** The same for an event that nobody else holds: its own fields are set; what they held before stays as it was. */
export function mergeInto(event: ThumpEvent, fields: Fields): void {
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (value === undefined) continue
    const old = event[name]
    event[name] = isObject(old) && isObject(value) ? overlay(old, value) : value
  }
}

function overlay(base: object, over: Fields): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base }
  for (const name of Object.keys(over)) {
    const value = over[name]
    if (value === undefined) continue
    const old = result[name]
    result[name] = isObject(old) && isObject(value) ? overlay(old, value) : value
  }
  return result
}
