import { traceCommand } from './diagnosis.ts'

/** RabbitMQ 3.13.0 to 3.13.4 crash a channel at every direct reply-to while tracing is on (rabbitmq-server#11656). */
export function refusalOf(version: unknown, vhost: string): string | undefined {
  const found = /^3\.13\.(\d+)/.exec(typeof version === 'string' ? version : '')
  if (!found || Number(found[1]) > 4) return undefined
  return `RabbitMQ ${String(version)} crashes channels that reply directly while it traces: upgrade to 3.13.5 or later; until then run: ${traceCommand('trace_off', vhost)}`
}
