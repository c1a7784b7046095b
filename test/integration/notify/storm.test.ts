import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { bodyOf, httpReceiver, startAlerter } from './harness.ts'
import { alertOf, firing } from './records.ts'

const alerts = 100_000
const chunk = 5000
const start = Date.UTC(2026, 10, 24, 3, 0, 0)
const minute = 60_000

test('a storm of 100,000 alerts: a few messages, the exact count, the urgent one at once, bounded memory', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-storm-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const receiver = await httpReceiver()
  const time = { passedMs: 0 }
  const clocks = { now: () => start + time.passedMs, monotonic: () => 1e6 + time.passedMs }
  // As fast as a chat takes messages.
  const channels = { chat: { type: 'webhook', url: receiver.url, rate: '1/s' } }
  const { decide, notifier, db } = await startAlerter({ channels }, { path: join(dir, 'state.db'), ...clocks })
  const settle = async () => {
    notifier.wake()
    do await setImmediate()
    while (!notifier.isIdle())
  }
  const told = () => receiver.requests.map((request) => bodyOf(request))
  const total = () => told().reduce((sum, { digest }) => sum + (digest?.total ?? 1), 0)
  const heapBefore = process.memoryUsage().heapUsed
  let heapMost = 0
  for (let from = 0; from < alerts; from += chunk) {
    decide(
      ...Array.from({ length: chunk }, (_, index) =>
        firing(alertOf({ id: `storm-${from + index}`, key: { 'rabbitmq.queue': `q${from + index}` } })),
      ),
    )
    if (from === alerts / 2) {
      const urgent = alertOf({
        id: 'urgent',
        ruleId: 'memory-alarm',
        severity: 'critical',
        key: { 'rabbitmq.queue': 'urgent' },
      })
      decide(firing(urgent))
      await settle()
      expect(told().at(-1)?.alert.rule).toBe('memory-alarm')
    }
    await settle()
    time.passedMs += 1000
    heapMost = Math.max(heapMost, process.memoryUsage().heapUsed)
  }
  for (let step = 0; step < 120 && total() < alerts + 1; step++) {
    time.passedMs += 10_000
    await settle()
  }
  expect(total()).toBe(alerts + 1)
  expect(told().length).toBeLessThanOrEqual(40)
  expect(time.passedMs).toBeLessThan(20 * minute)
  expect(heapMost - heapBefore).toBeLessThan(200e6)
  const { open } = db
    .prepare("SELECT COUNT(*) AS open FROM notify_deliveries WHERE state NOT IN ('done', 'dropped')")
    .get() as { open: number }
  expect(open).toBe(0)
}, 240_000)
