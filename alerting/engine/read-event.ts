import type { ThumpEvent } from '../../event/event.ts'
import { fieldValue } from '../rules/field.ts'
import type { NewTransition } from './changes.ts'
import { parseTime } from './event-time.ts'

/** Any JSON object is an event; what it lacks is absent. */
export function parse(bytes: Buffer): ThumpEvent | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString())
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as ThumpEvent) : undefined
  } catch {
    return undefined
  }
}

/** Its own time; undefined where it has none that can be read. */
export function timeOf(event: ThumpEvent | undefined): number | undefined {
  const text = event?.['@timestamp']
  return typeof text === 'string' ? parseTime(text) : undefined
}

const idPath = ['event', 'id']

export function idOf(event: ThumpEvent): string | undefined {
  // As the product writes it; else it may be dotted, or not be at all.
  const plain: unknown = (event.event as { id?: unknown } | null | undefined)?.id
  const id = typeof plain === 'string' ? plain : fieldValue(event, idPath)
  return typeof id === 'string' && id !== '' ? id : undefined
}

/** A member's alert as what a composite takes in: its newest sample, else the little that is known. */
export function asEvent({ record, atMs, kind }: NewTransition): ThumpEvent {
  return (
    record.samples.at(-1) ?? {
      '@timestamp': new Date(atMs).toISOString(),
      event: { id: record.id, dataset: 'thump.alert', action: `alert.${kind}` },
      message: record.summary,
      service: { type: 'thump' },
      agent: { id: 'alerting', version: '' },
    }
  )
}
