import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * `npm run soak`: the campaigns that `npm test` runs in a short seeded form, at full length. `npm run soak -- forwarding
 * --seed 7 --seeds 5` runs one of them, from that seed on; its tests write a line for each.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, seeds: { type: 'string', default: '20' } },
})
const seed = values.seed ?? String(Date.now() % 1_000_000)
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

interface Campaign {
  readonly name: string
  readonly project: 'unit' | 'integration' | 'e2e'
  readonly files: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const campaigns: readonly Campaign[] = [
  {
    name: 'rules',
    project: 'unit',
    files: ['test/unit/alerting/reference'],
    // A million and a half events, over 180,000 rules.
    env: { THUMP_SEED: seed, THUMP_DIFFERENTIAL_RUNS: '4000' },
  },
  {
    name: 'log-files',
    project: 'integration',
    files: ['test/integration/log-files'],
    env: { THUMP_SEED: seed, THUMP_SEQUENCES: '3000', THUMP_KILLS: '200', THUMP_KAFKA_KILLS: '100' },
  },
  {
    name: 'alerter-kill',
    project: 'integration',
    files: ['test/integration/alerting/kill'],
    env: { THUMP_SEED: seed, THUMP_ALERTER_KILLS: '100' },
  },
  {
    name: 'alerter-crash',
    project: 'integration',
    files: ['test/integration/alerting/crash'],
    env: { THUMP_CRASH_RUNS: '2000' },
  },
  {
    name: 'firehose',
    project: 'integration',
    files: ['test/integration/firehose/faults'],
    env: { THUMP_FIREHOSE_AWAY_S: '600' },
  },
  {
    name: 'embedded',
    project: 'integration',
    files: ['test/integration/embedded', 'test/integration/storage/sqlite-damage'],
    env: { THUMP_SEED: seed, THUMP_KILLS: '200', THUMP_FLIPS: '2000', THUMP_WEEK_MIB: '1024' },
  },
  { name: 'fuzz', project: 'unit', files: ['test/unit/agent/fuzz'], env: { THUMP_FUZZ_RUNS: '50000' } },
  {
    name: 'kill-9',
    project: 'e2e',
    files: ['test/faults/kill-9', 'test/faults/servers-away'],
    env: { THUMP_KILL_ROUNDS: '5' },
  },
  {
    name: 'forwarding',
    project: 'e2e',
    files: ['test/faults/forwarder', 'test/faults/elasticsearch-cluster'],
    env: { THUMP_SEED: seed, THUMP_FORWARD_ROUNDS: values.seeds },
  },
  {
    name: 'quiet-broker',
    project: 'e2e',
    files: ['test/e2e/quiet-broker'],
    env: { THUMP_QUIET_SECONDS: '3600', THUMP_QUIET_VERSIONS: '3.10 4.0' },
  },
]

const unknown = positionals.filter((name) => !campaigns.some((campaign) => campaign.name === name))
if (unknown.length > 0) {
  console.error(`no campaign ${unknown.join(', ')}; there are ${campaigns.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
const chosen = campaigns.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

console.log(`soak with seed ${seed}`)
const failed = chosen.filter(({ name, project, files, env }) => {
  console.log(`\n${name}: ${files.join(' ')} ${JSON.stringify(env)}`)
  // A second try would hide what a campaign has found.
  const args = [vitest, 'run', '--retry', '0', '--disable-console-intercept', '--project', project, ...files]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  return status !== 0
})
console.log(failed.length === 0 ? '\nsoak: all campaigns passed' : `\nsoak: ${failed.length} campaigns failed`)
process.exitCode = failed.length === 0 ? 0 : 1
