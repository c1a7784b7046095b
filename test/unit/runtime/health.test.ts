import { expect, test } from 'vitest'
import { createHealth, readiness } from '../../../runtime/health.ts'

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

test('a part that is not ready tells its problem', () => {
  const health = createHealth()
  health.started()
  health.add({ name: 'store', kind: 'ready', ask: () => readiness('connect ECONNREFUSED') })
  health.add({ name: 'transport', kind: 'ready', ask: () => readiness(undefined) })
  expect(health.report('ready')).toMatchObject({
    ok: false,
    checks: { store: { ok: false, detail: 'connect ECONNREFUSED' }, transport: { ok: true } },
  })
})
