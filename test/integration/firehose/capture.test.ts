import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import { eventually } from '../../servers/eventually.ts'
import { shared } from '../../servers/shared.ts'
import { ownVhost } from './harness.ts'

const cleanups: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function run(args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run-capture.ts'), ...args])
  cleanups.push(() => Promise.resolve(child.kill('SIGKILL')))
  const ended = once(child, 'exit')
  const printed = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (printed.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()))
  return { child, ended, printed }
}

/** A vhost that is not traced, and the arguments of a capture that may switch it. */
async function prepare() {
  const rabbit = shared().rabbit40
  const { vhost, client, tracing } = await ownVhost(rabbit, cleanups, { isTraced: false })
  const dir = mkdtempSync(join(tmpdir(), 'thump-capture-'))
  cleanups.push(() => Promise.resolve(rmSync(dir, { recursive: true })))
  const account = { username: 'guest', password: 'guest' }
  const config = {
    dataDir: dir,
    agent: {
      amqp: { url: rabbit.amqpUrl, ...account },
      resources: { url: rabbit.managementUrl },
      tracing: account,
      firehose: { stopWhen: { memory: 1 } },
    },
  }
  const file = join(dir, 'thump.yaml')
  writeFileSync(file, JSON.stringify(config))
  const args = ['capture', '--config', file, '--vhost', vhost, '--exchange', 'shop.*', '--payload', 'excerpt']
  const left = () => readdirSync(dir).filter((name) => name.startsWith('tracing-'))
  return { vhost, client, tracing, dir, args, left }
}

test('a capture is narrow and timed, and leaves tracing as it was found: even when it is killed', async () => {
  const { args, tracing, client, left } = await prepare()
  const first = run([...args, '--for', '60s'])
  await eventually(tracing, { what: 'tracing switched on' })
  const channel = await client()
  await channel.assertExchange('shop.in', 'fanout', { durable: false })
  const body = Buffer.from('call 010-1234-5678')
  await eventually(
    () => {
      channel.publish('shop.in', '', body)
      channel.publish('amq.fanout', '', body)
      return first.printed.stdout.includes('\n')
    },
    { everyMs: 200 },
  )
  const events = first.printed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ThumpEvent)
  expect(new Set(events.map(({ rabbitmq }) => rabbitmq?.exchange))).toEqual(new Set(['shop.in']))
  expect(events[0]?.amqp?.body?.content).toBe('call [phones]')
  expect(events[0]?.redacted).toEqual([{ rule: 'phones', count: 1 }])
  first.child.kill('SIGKILL')
  await first.ended
  await eventually(async () => !(await tracing()), { what: 'tracing switched off after the kill' })
  await eventually(() => left().length === 0, { what: 'nothing left to remember' })
})

test('two captures do not take tracing from each other, and what a dead one left is put right by the next', async () => {
  const { args, tracing, dir, vhost, left } = await prepare()
  const long = run([...args, '--for', '60s'])
  await eventually(tracing, { what: 'tracing switched on' })
  // Of a capture that died with its guard, as when the host loses its power.
  writeFileSync(join(dir, 'tracing-capture-999999999.json'), JSON.stringify({ vhosts: [vhost] }))
  const short = run([...args, '--for', '1s'])
  expect(await short.ended).toEqual([0, null])
  expect(short.printed.stderr).toContain('traces captured')
  // It took over what was left, and so switched off; the longer one switches on again, and off at its own end.
  await eventually(tracing, { what: 'tracing on for the longer capture' })
  long.child.kill('SIGTERM')
  expect(await long.ended).toEqual([0, null])
  expect(await tracing()).toBe(false)
  await eventually(() => left().length === 0, { what: 'nothing left to remember' })
})
