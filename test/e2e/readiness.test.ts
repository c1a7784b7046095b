import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump } from '../servers/run-thump.ts'

test('thump up is at no moment of its start ready while the broker is away', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-readiness-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const [port] = await freePorts(1)
  const config = stringify({ dataDir: dir, agent: { amqp: { url: `amqp://127.0.0.1:${port}` } } })
  const up = await runThump(['up'], { config })
  onTestFinished(async () => void (await up.kill()))
  const statuses: number[] = []
  await eventually(
    async () => {
      const response = await fetch(`${up.healthUrl}/readyz`, { signal: AbortSignal.timeout(2000) })
      statuses.push(response.status)
      return (await response.text()).includes('source-events')
    },
    { everyMs: 1, what: 'the event exchange to be named' },
  )
  expect(new Set(statuses)).toEqual(new Set([503]))
})
