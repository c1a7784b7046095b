import { expect, test } from 'vitest'
import { createHealth } from '../../../runtime/health.ts'

test('a process is not ready before its last part has started, however well the first ones are', () => {
  const health = createHealth()
  health.add({ name: 'storage', kind: 'ready', ask: () => ({ ok: true }) })
  expect(health.report('ready')).toMatchObject({ ok: false, checks: { start: { detail: 'starting' } } })
  health.started()
  expect(health.report('ready').ok).toBe(true)
})

test('a process that is still starting is alive', () => {
  expect(createHealth().report('live')).toEqual({ ok: true, checks: {} })
})

test('one part that is not ready is named with its reason', () => {
  const health = createHealth()
  health.started()
  health.add({ name: 'source-events', kind: 'ready', ask: () => ({ ok: false, detail: 'connecting' }) })
  expect(health.report('ready')).toMatchObject({
    ok: false,
    checks: { 'source-events': { ok: false, detail: 'connecting' } },
  })
})
