import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../../demo/broker/free-ports.ts'
import { cpuMs } from '../../bench/process-use.ts'
import { eventually } from '../../servers/eventually.ts'
import { thump } from '../../servers/run-thump.ts'

const program = join(import.meta.dirname, '../../../thump.ts')

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'thump-mishap-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A port of loopback that somebody else listens on. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

test.each(['health.listen', 'alerting.listen'])(
  'a taken port of %s is one line that says which, and exit 1',
  async (key) => {
    const port = await takenPort()
    const config = { dataDir: folder(), health: { listen: '127.0.0.1:0' }, alerting: { listen: '127.0.0.1:0' } }
    const args = ['up', '--log-level', 'silent', '--set', `${key}=127.0.0.1:${port}`]
    const { code, stderr } = await thump(args, { config: JSON.stringify(config) })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `thump: ${key}: port ${port} of 127.0.0.1 is taken, perhaps by another thump. \`ss -ltnp 'sport = :${port}'\` names who has it; another address: --set ${key}=HOST:PORT\n`,
    })
  },
)

test.each(['up', 'alerting'])(
  'thump %s names a data folder that it cannot use, with the command that makes it, and exits 78',
  async (role) => {
    const file = join(folder(), 'file')
    writeFileSync(file, '')
    const transport = role === 'up' ? {} : { transport: { kind: 'kafka' } }
    const config = { ...transport, dataDir: join(file, 'data'), health: { listen: '127.0.0.1:0' } }
    const { code, stderr } = await thump([role, '--log-level', 'silent'], { config: JSON.stringify(config) })
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: expect.stringMatching(
        /^\S+thump.yaml dataDir: \S+ cannot be used: ENOTDIR: .*\. To make it: sudo install -d -o "\$\(id -un\)" -m 750 \S+\n$/,
      ) as string,
    })
  },
)

test('a thump whose log nobody reads any more goes on, at rest, and drains when asked to', async () => {
  const [port = 0] = await freePorts(1)
  const config = [
    `dataDir=${folder()}`,
    `health.listen=127.0.0.1:${port}`,
    'alerting.listen=127.0.0.1:0',
    'log.level=debug',
  ]
  const child: ChildProcess = spawn(process.execPath, [program, 'up', ...config.flatMap((set) => ['--set', set])], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok
  await eventually(isReady, { withinMs: 60_000 })
  child.stderr?.destroy()
  // Each of these would be a word in the log.
  for (let count = 0; count < 3; count++) {
    child.kill('SIGHUP')
    expect(await isReady()).toBe(true)
  }
  await eventually(() => isAtRest(child.pid ?? 0), { withinMs: 30_000 })
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
}, 120_000)

/** Has the process used less than a tenth of a core for half a second? */
async function isAtRest(pid: number): Promise<boolean> {
  const before = cpuMs([pid])
  await new Promise((resolve) => setTimeout(resolve, 500))
  return cpuMs([pid]) - before < 50
}
