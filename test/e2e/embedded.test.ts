import { expect, onTestFinished, test } from 'vitest'
import { runThump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'
import { install } from './installation.ts'
import { expectWholePath } from './whole-path.ts'

test.each(['rabbit310', 'rabbit40'] as const)(
  'one process on the embedded kinds stores, finds and tells what happened on %s',
  async (name) => {
    const broker = shared()[name]
    const installation = await install({ broker })
    onTestFinished(() => installation.remove(), 60_000)
    const up = await runThump(['up'], { config: installation.config })
    onTestFinished(async () => void (await up.kill()))
    await up.ready()
    await expectWholePath(installation, broker)
    const { code, stdout, stderr } = await up.stop()
    expect(code).toBe(0)
    expect(stdout + stderr).not.toContain(installation.monitor.password)
  },
)
