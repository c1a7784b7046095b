import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { ensureTool } from '../servers/cache.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'
import { type Installation, install } from './installation.ts'
import { expectWholePath } from './whole-path.ts'

const run = promisify(execFile)

test('three processes over Kafka and Elasticsearch store, find and tell what happened on a real broker', async () => {
  const { rabbit40, kafka, elasticsearch } = shared()
  const installation = await install({ broker: rabbit40, kafka: kafka.brokers, elasticsearch: elasticsearch.url })
  onTestFinished(() => installation.remove(), 60_000)
  const { config } = installation
  const roles = await Promise.all(['agent', 'forwarder', 'alerting'].map((role) => runThump([role], { config })))
  onTestFinished(async () => {
    await Promise.all(roles.map((role) => role.kill()))
  })
  await Promise.all(roles.map((role) => role.ready()))
  await expectWholePath(installation, rabbit40)
  await expectKcatReads(installation, kafka.brokers)
  const exits = await Promise.all(roles.map((role) => role.stop()))
  expect(exits.map(({ code }) => code)).toEqual([0, 0, 0])
  const said = exits.map(({ stdout, stderr }) => stdout + stderr).join('')
  expect(said).not.toContain(installation.monitor.password)
})

/** A reader by other hands: plain JSON with the documented names. */
async function expectKcatReads({ topics, id }: Installation, brokers: readonly string[]): Promise<void> {
  const kcat = await ensureTool('kcat')
  const read = async (topic: string) => {
    const args = ['-C', '-e', '-q', '-b', brokers.join(','), '-t', topic, '-o', 'beginning', '-f', '%k\\t%h\\t%s\\n']
    const { stdout } = await run(kcat, args, { maxBuffer: 64 * 2 ** 20, timeout: 30_000 })
    return stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([key, headers, value]) => ({ key, headers, event: JSON.parse(value ?? '') as Record<string, unknown> }))
  }
  const operations = await eventually(async () => await read(topics.amqp))
  const deleted = operations.find(({ event }) => JSON.stringify(event).includes(`"queue.delete"`))
  expect(deleted).toMatchObject({
    key: `cluster-${id}/events`,
    headers: expect.stringContaining('schema=1'),
    event: { '@timestamp': expect.any(String), amqp: { operation: 'queue.delete' }, rabbitmq: { vhost: '/' } },
  })
  const lines = await read(topics.app)
  expect(lines.find(({ event }) => JSON.stringify(event).includes(`intruder-${id}`))).toMatchObject({
    event: { message: expect.any(String), log: { level: 'error', file: { path: expect.any(String) } } },
  })
}
