import { createJournal } from '../../../alerting/journal.ts'
import { startNotifier } from '../../../alerting/notify/notifier.ts'
import { openStateDatabase } from '../../../alerting/state/database.ts'
import { appendTransition, engineSchema } from '../../../alerting/state/outbox.ts'
import { alertingSchema } from '../../../runtime/config/schema-alerting.ts'
import { createHealth } from '../../../runtime/health.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { alertOf, firing } from './records.ts'

/** A process to be killed: decides `count` alerts from `from` on and tells them to `url`. */
const [path = '', url = '', from = '0', count = '0'] = process.argv.slice(2)
const opened = openStateDatabase(path)
if (!opened) throw new Error('the database is locked')
const db = opened.value
db.migrate('engine', engineSchema)
const { value: notifier } = await startNotifier({
  db,
  journal: createJournal(db, { cluster: undefined, now: Date.now }),
  config: alertingSchema.parse({ channels: { hook: { type: 'webhook', url, rate: '1000/s' } } }),
  timezone: 'UTC',
  log: silentLogger,
  metrics: createMetrics(),
  health: createHealth(),
  now: Date.now,
})
for (let index = Number(from); index < Number(from) + Number(count); index++) {
  const alert = alertOf({ id: `alert-${index}`, key: { 'rabbitmq.queue': `q${index}` } })
  // Alert and transition together, as the engine writes them.
  db.transaction(() => appendTransition(db, firing(alert)))
  notifier.wake()
  await new Promise((resolve) => void setTimeout(resolve, 2))
}
