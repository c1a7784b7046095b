import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createMonitor, deleteQueueOf, removeUser } from '../../e2e/watched-broker.ts'
import { runThump, thump } from '../../servers/run-thump.ts'
import { shared } from '../../servers/shared.ts'

test('what thump demo says can be done beside it works as it stands there, and the password of a given broker is in no file', async () => {
  const { rabbit40: broker } = shared()
  const id = randomUUID().slice(0, 8)
  const queue = `mon.demo-${id}`
  const dir = mkdtempSync(join(tmpdir(), 'thump-demo-'))
  const { username, password } = await createMonitor(broker, `demo-${id}`)
  onTestFinished(async () => {
    await deleteQueueOf(broker, queue)
    await removeUser(broker, username)
    rmSync(dir, { recursive: true, force: true })
  }, 30_000)
  const url = new URL(broker.amqpUrl)
  Object.assign(url, { username, password })
  const args = ['demo', '--dir', '.', '--url', url.href, '--set', `agent.events.queue=${queue}`]
  const demo = await runThump(args, { cwd: dir })
  onTestFinished(async () => void (await demo.kill()), 30_000)
  await expect.poll(demo.stdout, { timeout: 60_000 }).toContain('Ctrl-C stops all it started')
  const said = [...demo.stdout().matchAll(/npx thump (.*)/g)].map(([, words = '']) => words)
  expect(said).toHaveLength(3)
  for (const words of said) {
    const beside = [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
    expect((await thump(beside, { cwd: dir })).stderr).not.toMatch(/thump:|cannot be read/)
  }
  expect(readFileSync(join(dir, 'thump.yaml'), 'utf8')).not.toContain(password)
  await demo.stop()
}, 120_000)

test('an address that is no broker is wrong usage, and is not repeated: a password may stand in it', async () => {
  const { code, stdout, stderr } = await thump(['demo', '--url', 'amqp://mon:hunter2%@host'])
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr:
      'thump: --url is not a broker: write it as amqp://user:password@host:5672\nRun thump demo --help for its options.\n',
  })
  expect(stdout).toBe('')
})
