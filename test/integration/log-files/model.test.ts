import { expect, test } from 'vitest'
import { ModelRun } from './model.ts'

const sequences = Number(process.env['THUMP_SEQUENCES'] ?? 60)
const concurrency = 12

test(
  'random lives of log files, with rotations, restarts and crashes: every line once, whole and in order',
  async () => {
    const first = Number(process.env['THUMP_SEED'] ?? 1000)
    const seeds = Array.from({ length: sequences }, (_, index) => first + index)
    const failures: string[] = []
    const work = async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const run = new ModelRun(seed)
        await run.run(14).catch((error: Error) => failures.push(`seed ${seed}: ${error.message}`))
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
    expect(failures).toEqual([])
  },
  Math.max(120_000, sequences * 2000),
)
