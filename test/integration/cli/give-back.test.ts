import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const module = pathToFileURL(join(import.meta.dirname, '../../../runtime/give-back.ts')).href

/** A process whose load is over: what its young generation takes then, and what once it has given back. */
const program = `
import { getHeapSpaceStatistics } from 'node:v8'
import { startGivingBack } from ${JSON.stringify(module)}
const youngBytes = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').physical_space_size
for (let round = 0, kept = []; round < 3_000_000; round++) {
  kept.push({ round })
  if (kept.length > 50_000) kept = []
}
const loaded = youngBytes()
const collect = (options) => {
  gc(options)
  console.log(JSON.stringify({ loaded, atRest: youngBytes() }))
  clearInterval(resting)
}
startGivingBack({ collect, cpuMs: () => 0, now: Date.now })
// At rest as an agent is: it goes on to make garbage, which keeps V8 from doing so by itself.
const resting = setInterval(() => Array.from({ length: 10_000 }, (_, round) => ({ round })), 100)
`

test('V8 makes the young generation small again when a process gives back', async () => {
  const flags = ['--expose-gc', '--max-semi-space-size=8', '--input-type=module']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--eval', program])
  const { loaded, atRest } = JSON.parse(stdout) as { loaded: number; atRest: number }
  expect(loaded).toBeGreaterThan(8e6)
  expect(atRest).toBeLessThan(5e6)
}, 60_000)
