import { describe, expect, test } from 'vitest'
import { eventually } from '../../servers/eventually.ts'
import { type Bench, openBench, type Running } from './harness.ts'

/** One rule of each type, by one key; what is sent leaves a window that can be looked at. */
const rules = `
rules:
- {id: match, topic: APP, type: match, groupBy: app.key, where: {app.kind: m}}
- {id: count, topic: APP, type: count, groupBy: app.key, where: {app.kind: m}, count: {gte: 10, within: 1h}}
- {id: absence, topic: APP, type: absence, groupBy: app.key, where: {app.kind: m}, absence: {for: 1h}}
- {id: spike, topic: APP, type: spike, groupBy: app.key, where: {app.kind: m}, spike: {ratio: 5, window: 1h}}
- {id: change, topic: APP, type: change, groupBy: app.key, where: {app.kind: m}, change: {field: app.value}}
- {id: newValue, topic: APP, type: newValue, groupBy: app.key, where: {app.kind: m}, newValue: {fields: [app.value], remember: 1d, learn: 1d}}
- {id: distinct, topic: APP, type: distinct, groupBy: app.key, where: {app.kind: m}, distinct: {field: app.value, gte: 10, within: 1h}}
- {id: ratio, topic: APP, type: ratio, groupBy: app.key, where: {app.kind: m}, ratio: {of: {app.value: 2}, gte: 0.9, within: 1h, minTotal: 10}}
- {id: metric, topic: APP, type: metric, groupBy: app.key, where: {app.kind: m}, metric: {field: app.value, op: sum, gte: 100, within: 1h}}
- {id: sequence, topic: APP, type: sequence, groupBy: app.key, within: 1h, steps: [{where: {app.value: 1}}, {where: {app.value: 3}}]}
- {id: composite, type: composite, groupBy: app.key, needs: {allOf: [match, count]}, within: 1h}
`
const at = '2026-01-05T12:00:00.000Z'
const atMs = Date.parse(at)
const one = (value: number, key: unknown = 'a') => ({ '@timestamp': at, app: { kind: 'm', key, value } })

async function started(text: string, ...events: ReadonlyArray<Record<string, unknown>>): Promise<[Bench, Running]> {
  const bench = await openBench()
  bench.writeRules('r.yaml', text)
  const alerter = await bench.start()
  await bench.send('APP', ...events)
  return [bench, alerter]
}

/** What is kept, once there is something. */
async function stateOf(alerter: Running, path: string) {
  return eventually(async () => {
    const { status, body } = await alerter.get(`/api/v1/state/${path}`)
    return status === 200 && (body as { key: unknown; window: unknown; alert?: { count: number } })
  })
}

describe('the live window of a key', () => {
  test('is answered for each of the eleven types', async () => {
    // Keys beside the asked one stand in the same lists.
    const [, alerter] = await started(rules, one(1), one(2), one(2, 'b'), one(2, 'c'))
    const wanted: Record<string, unknown> = {
      match: { alert: { count: 2, firedAtMs: atMs } },
      count: { window: { times: [atMs, atMs] } },
      absence: { window: { islands: [{ fromMs: atMs, toMs: atMs }] } },
      spike: { window: { times: [atMs, atMs], firstMs: atMs } },
      change: { window: { atMs, value: '2' } },
      newValue: { window: { size: 2, seen: { '[1]': atMs, '[2]': atMs } } },
      distinct: { window: { times: [atMs, atMs] } },
      ratio: { window: { times: [atMs, atMs], values: [0, 1] } },
      metric: { window: { times: [atMs, atMs], values: [1, 2] } },
      sequence: { window: {} },
      composite: { window: { spans: [{ rule: 'match', fromMs: atMs }] } },
    }
    for (const [rule, state] of Object.entries(wanted)) {
      const found = await stateOf(alerter, `${rule}?key=a`)
      expect(found, rule).toMatchObject({ rule, key: ['a'], ...(state as object) })
    }
    expect(await stateOf(alerter, 'count?key=b')).toMatchObject({ key: ['b'], window: { times: [atMs] } })
  })

  test('is addressed by every field of groupBy, in its order', async () => {
    const [, alerter] = await started(
      'rules:\n- {id: r, topic: APP, type: count, groupBy: [app.key, app.value], count: {gte: 9, within: 1h}}\n',
      one(1),
      one(7, '/'),
    )
    expect(await stateOf(alerter, 'r?key=%2F&key=7')).toMatchObject({ key: ['/', 7] })
    const refused = await alerter.get('/api/v1/state/r?key=a')
    expect(refused).toEqual({
      status: 400,
      body: { error: '"r" is grouped by app.key, app.value: give key= once for each, in this order' },
    })
    expect((await alerter.get('/api/v1/state/r?key=7&key=%2F')).status).toBe(404)
  })

  test('is found under odd keys: a text before the number that looks like it', async () => {
    const keys = ['', ' ', 'a&key=b', 'ü/ö 카드', '[1]', '…', '1', 'true', 'a\nb']
    const odd: readonly unknown[] = [...keys, 2, false, 1]
    const [, alerter] = await started(rules, ...odd.map((key) => one(1, key)))
    for (const key of keys)
      expect(await stateOf(alerter, `count?key=${encodeURIComponent(key)}`)).toMatchObject({ key: [key] })
    expect(await stateOf(alerter, 'count?key=2')).toMatchObject({ key: [2] })
    expect(await stateOf(alerter, 'count?key=false')).toMatchObject({ key: [false] })
    const texts = await started(
      'rules:\n- {id: r, topic: APP, type: count, groupBy: [app.key, app.value], count: {gte: 9, within: 1h}}\n',
      one(1, '1'),
    )
    expect(await stateOf(texts[1], 'r?key=1&key=1')).toMatchObject({ key: ['1', 1] })
  })

  test('without groupBy is asked without a key', async () => {
    const [, alerter] = await started(
      'rules:\n- {id: r, topic: APP, type: count, count: {gte: 9, within: 1h}}\n',
      one(1),
    )
    expect(await stateOf(alerter, 'r')).toMatchObject({ key: [], window: { times: [atMs] } })
    expect(await alerter.get('/api/v1/state/r?key=a')).toEqual({
      status: 400,
      body: { error: '"r" has no groupBy: leave key= out' },
    })
  })

  test('says what is not there: no such rule, a rule that is off, a key of which nothing is kept', async () => {
    const [, alerter] = await started(`${rules}- {id: off, topic: APP, type: match, stage: off}\n`, one(1))
    await stateOf(alerter, 'count?key=a')
    const ask = (path: string) => alerter.get(`/api/v1/state/${path}`)
    expect(await ask('none?key=a')).toEqual({ status: 404, body: { error: 'no rule "none" runs' } })
    expect(await ask('off?key=a')).toEqual({ status: 404, body: { error: 'no rule "off" runs' } })
    expect(await ask('count?key=z')).toEqual({ status: 404, body: { error: 'nothing is kept for this key' } })
    expect((await ask('count?key=__proto__')).status).toBe(404)
  })
})
