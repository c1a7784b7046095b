import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { takeStateDatabase } from '../../../alerting/state/database.ts'

test('a standby takes over once the active alerter is killed amid a change, and has all that was committed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-standby-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'state.db')
  const active = spawn(process.execPath, [join(import.meta.dirname, 'run-holder.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void active.kill('SIGKILL'))
  await once(active.stdout, 'data')

  const standingBy = Promise.withResolvers<void>()
  let isTaken = false
  const taking = takeStateDatabase(path, {
    signal: AbortSignal.timeout(60_000),
    pollMs: 50,
    onStandby: () => standingBy.resolve(),
  }).finally(() => (isTaken = true))
  await standingBy.promise
  expect(isTaken).toBe(false)

  const gone = once(active, 'exit')
  active.kill('SIGKILL')
  await gone
  const { value, stop } = await taking
  onTestFinished(stop)
  expect(value.prepare('SELECT id FROM held').all()).toEqual([{ id: 'committed' }])
}, 90_000)
