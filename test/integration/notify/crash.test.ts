import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../servers/eventually.ts'
import { bodyOf, httpReceiver, startAlerter } from './harness.ts'
import { alertOf, firing } from './records.ts'

const program = fileURLToPath(new URL('./notifier-process.ts', import.meta.url))

test('killed again and again while it tells: every alert that was decided is told, repeats only of what was in flight', async () => {
  const receiver = await httpReceiver()
  const dir = mkdtempSync(join(tmpdir(), 'thump-crash-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'alerting.db')
  const children: ChildProcess[] = []
  onTestFinished(() => children.forEach((child) => child.kill('SIGKILL')))
  const kills = 4
  for (let round = 0; round < kills; round++) {
    const child = spawn(process.execPath, [program, path, receiver.url, String(round * 1000), '1000'], {
      stdio: 'inherit',
    })
    children.push(child)
    const before = receiver.requests.length
    await receiver.received(before + 15 + round * 7)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  // However slow the disk is, each is told by itself.
  const channels = { hook: { type: 'webhook', url: receiver.url, rate: '1000/s' } }
  const { db } = await startAlerter({ channels }, { path })
  const decided = (db.prepare('SELECT id FROM alerts').all() as Array<{ id: string }>).map(({ id }) => id)
  const told = () => receiver.requests.map((request) => bodyOf(request))
  await eventually(() => decided.every((id) => told().some(({ alert }) => alert.id === id)))
  expect(decided.length).toBeGreaterThan(60)
  const messages = told()
  expect(messages.length - decided.length).toBeLessThanOrEqual(kills)
  expect(new Set(messages.map(({ id }) => id)).size).toBe(decided.length)
})

test('a reload takes new channels and routes; a bad one is refused and the old ones stay', async () => {
  const [before, after] = [await httpReceiver(), await httpReceiver()]
  const config = (url: string) => ({ channels: { hook: { type: 'webhook', url } } })
  const { decide, reconfigure, notifier } = await startAlerter(config(before.url))
  expect(() => reconfigure({ channels: { chat: { type: 'slack' } } })).toThrow('needs webhookUrl, or token and channel')
  decide(firing(alertOf()))
  await before.received(1)
  reconfigure(config(after.url))
  decide(firing(alertOf({ key: { 'rabbitmq.queue': 'other' } })))
  await after.received(1)
  expect(before.requests).toHaveLength(1)
  expect(await notifier.test('hook')).toMatchObject({ ok: true })
  expect(await notifier.test('none')).toMatchObject({
    ok: false,
    detail: 'channel "none" is not configured; known: hook',
  })
  expect(bodyOf(after.requests[1]!)).toMatchObject({ reason: 'test', alert: { rule: 'thump-notify-test' } })
})

test('the heartbeat calls its URL while the notifier lives, over failures too', async () => {
  const receiver = await httpReceiver()
  receiver.script({ status: 500 })
  const alerter = await startAlerter({ heartbeat: { url: `${receiver.url}/alive`, interval: '50ms' } })
  const [first] = await receiver.received(3)
  expect(first).toMatchObject({ method: 'GET', path: '/alive' })
  await alerter.stop()
  const count = receiver.requests.length
  await expect(receiver.received(count + 1, 300)).rejects.toThrow('requests')
})

test('Alertmanager hears of an alert again while it fires, acknowledged or not', async () => {
  const receiver = await httpReceiver()
  const clock = { offsetMs: 0 }
  const channels = { am: { type: 'alertmanager', url: receiver.url, resend: '1m' } }
  const { decide, notifier, acks } = await startAlerter({ channels }, { clock })
  const alert = alertOf({ repeatMs: 14_400_000 })
  decide(firing(alert))
  await receiver.received(1)
  await eventually(() => acks.tellings(alert.id)[0]?.state === 'done')
  expect(notifier.operator.ack(alert.id, { by: 'kim', comment: '' })).toMatchObject({ kind: 'done' })
  clock.offsetMs += 61_000
  notifier.wake()
  const requests = await receiver.received(2)
  expect(JSON.parse(requests[1]!.body)).toMatchObject([{ labels: { alertname: 'queue-deleted' } }])
})
