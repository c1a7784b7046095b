import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** `npm run soak`: the campaigns that `npm test` runs in a short seeded form, at full length. A seed may be given. */
const seed = process.argv[2] ?? String(Date.now() % 1_000_000)
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

interface Campaign {
  readonly project: 'unit' | 'integration' | 'e2e'
  readonly files: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const campaigns: readonly Campaign[] = [
  {
    project: 'unit',
    files: ['test/unit/alerting/reference'],
    // A million and a half events, over 180,000 rules.
    env: { THUMP_SEED: seed, THUMP_DIFFERENTIAL_RUNS: '4000' },
  },
  {
    project: 'integration',
    files: ['test/integration/log-files'],
    env: { THUMP_SEED: seed, THUMP_SEQUENCES: '3000', THUMP_KILLS: '200', THUMP_KAFKA_KILLS: '100' },
  },
  {
    project: 'integration',
    files: ['test/integration/alerting/kill'],
    env: { THUMP_SEED: seed, THUMP_ALERTER_KILLS: '100' },
  },
  { project: 'integration', files: ['test/integration/alerting/crash'], env: { THUMP_CRASH_RUNS: '2000' } },
  {
    project: 'integration',
    files: ['test/integration/firehose/faults'],
    env: { THUMP_FIREHOSE_AWAY_S: '600' },
  },
  {
    project: 'integration',
    files: ['test/integration/embedded', 'test/integration/storage/sqlite-damage'],
    env: { THUMP_SEED: seed, THUMP_KILLS: '200', THUMP_FLIPS: '2000', THUMP_WEEK_MIB: '1024' },
  },
  { project: 'unit', files: ['test/unit/agent/fuzz'], env: { THUMP_FUZZ_RUNS: '50000' } },
  {
    project: 'e2e',
    files: ['test/faults'],
    env: { THUMP_SEED: seed, THUMP_KILL_ROUNDS: '5', THUMP_FORWARD_ROUNDS: '20' },
  },
  {
    project: 'e2e',
    files: ['test/e2e/quiet-broker'],
    env: { THUMP_QUIET_SECONDS: '3600', THUMP_QUIET_VERSIONS: '3.10 4.0' },
  },
]

console.log(`soak with seed ${seed}`)
const failed = campaigns.filter(({ project, files, env }) => {
  console.log(`\n${project}: ${files.join(' ')} ${JSON.stringify(env)}`)
  const args = [vitest, 'run', '--project', project, ...files]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  return status !== 0
})
console.log(failed.length === 0 ? '\nsoak: all campaigns passed' : `\nsoak: ${failed.length} campaigns failed`)
process.exitCode = failed.length === 0 ? 0 : 1
