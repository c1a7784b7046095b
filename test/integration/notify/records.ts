import { randomUUID } from 'node:crypto'
import type { AlertRecord, Transition } from '../../../alerting/transition.ts'

/** An alert that fires; `fields` replace what matters to a test. */
export function alertOf(fields: Partial<AlertRecord> = {}): AlertRecord {
  const atMs = Date.UTC(2026, 10, 24, 6, 4, 5)
  return {
    id: randomUUID(),
    ruleId: 'queue-deleted',
    key: { 'rabbitmq.vhost': '/', 'rabbitmq.queue': 'orders' },
    state: 'firing',
    severity: 'warning',
    labels: {},
    summary: 'queue orders deleted by app',
    count: 1,
    firstSeenMs: atMs,
    lastSeenMs: atMs,
    samples: [],
    stage: 'live',
    ...fields,
  }
}

type Flags = Partial<Pick<Transition, 'isCatchUp' | 'isSilent'>>

export function firing(record: AlertRecord, flags: Flags = {}): Omit<Transition, 'seq'> {
  return {
    alertId: record.id,
    kind: 'firing',
    atMs: record.firstSeenMs,
    record,
    isCatchUp: false,
    isSilent: false,
    ...flags,
  }
}

export function resolved(record: AlertRecord, flags: Flags = {}): Omit<Transition, 'seq'> {
  const resolvedAtMs = record.firstSeenMs + 180_000
  const end: AlertRecord = { ...record, state: 'resolved', resolvedAtMs }
  return {
    alertId: record.id,
    kind: 'resolved',
    atMs: resolvedAtMs,
    record: end,
    isCatchUp: false,
    isSilent: false,
    ...flags,
  }
}
