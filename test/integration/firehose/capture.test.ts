import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

test('a capture is narrow and timed, and leaves tracing as it was found: even when it is killed, by the next one', async () => {
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
  expect(await tracing()).toBe(true)
  const second = run([...args, '--for', '2s'])
  expect(await second.ended).toEqual([0, null])
  expect(second.printed.stderr).toContain('traces captured')
  expect(await tracing()).toBe(false)
})
