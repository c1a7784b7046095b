import { fieldValues } from '../rules/field.ts'
import type { AlertRecord } from '../transition.ts'

const shortNames: Readonly<Record<string, string>> = {
  vhost: 'rabbitmq.vhost',
  node: 'service.node.name',
  queue: 'rabbitmq.queue',
}

/** A field of an alert as text: its own (`rule`, `severity`, `owner`, `label.x`), of its key, or of its newest sample. */
export function fieldText(alert: AlertRecord, name: string): string | undefined {
  if (name === 'rule') return alert.ruleId
  if (name === 'severity') return alert.severity
  if (name === 'owner') return alert.owner
  const label = /^labels?\.(.+)$/u.exec(name)?.[1]
  if (label !== undefined && Object.hasOwn(alert.labels, label)) return alert.labels[label]
  const field = shortNames[name] ?? name
  if (Object.hasOwn(alert.key, field)) return String(alert.key[field])
  const [value] = fieldValues(alert.samples.at(-1), field.split('.'))
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}
