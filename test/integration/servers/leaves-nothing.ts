import { existsSync } from 'node:fs'
import { expect } from 'vitest'
import { processesOf } from '../../../demo/broker/processes.ts'
import { eventually } from '../../servers/eventually.ts'

/** Fails unless no process carries the marker of `base` and the folder is gone. */
export async function expectNothingLeft(base: string): Promise<void> {
  await eventually(() => processesOf(base).length === 0 && !existsSync(base), {
    withinMs: 30_000,
    what: `the end of everything in ${base}`,
  })
  expect(existsSync(base)).toBe(false)
}
