import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runThump, thump } from '../../servers/run-thump.ts'

const root = join(import.meta.dirname, '../../..')
const prefix = mkdtempSync(join(tmpdir(), 'thump-prefix-'))
const program = [join(prefix, 'bin/thump')]
const installed = join(prefix, 'lib/node_modules/thump')

function npm(...args: readonly string[]): string {
  return execFileSync('npm', [...args], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

beforeAll(() => {
  npm('pack', '--silent', '--pack-destination', prefix)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const tarball = join(prefix, `thump-${version}.tgz`)
  npm('install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', '--silent', tarball)
})

afterAll(() => rmSync(prefix, { recursive: true, force: true }))

test('what npm installs is a program that runs, and knows its version', async () => {
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { version: string }
  expect(await thump(['version'], { program })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(new RegExp(`^thump ${version} `)) as string,
  })
})

test('an installed thump up follows a log, stores it with its thread, and finds it; the rule pack comes along', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'thump-installed-'))
  const log = join(dir, 'rabbit.log')
  const config = JSON.stringify({
    dataDir: join(dir, 'data'),
    transport: { kind: 'embedded' },
    storage: { kind: 'sqlite' },
    agent: { node: 'rabbit@installed', logs: [{ paths: [log] }], resources: { enabled: false } },
    alerting: { rules: [join(installed, 'deploy/rules/*.yaml')], listen: '127.0.0.1:0' },
  })
  const running = await runThump(['up'], { program, config })
  try {
    await running.ready()
    const line = `${new Date().toISOString().replace('T', ' ').replace('Z', '000+00:00')} [info] <0.1.0> a line of its own\n`
    appendFileSync(log, line)
    await expect
      .poll(async () => (await thump(['events', '--output', 'json'], { program, config })).stdout, { timeout: 60_000 })
      .toContain('a line of its own')
  } finally {
    await running.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}, 120_000)

test('an installed thump knows the holidays of a country, which it reads when a rule names one', async () => {
  const file = join(prefix, 'holidays.yaml')
  const rule = (country: string) =>
    `rules:\n- {id: a, topic: AMQP, type: match, where: {amqp.operation: queue.delete}, active: {holidays: ${country}}}\n`
  writeFileSync(file, rule('kr'))
  expect(await thump(['rules', 'lint', file], { program })).toMatchObject({ code: 0 })
  writeFileSync(file, rule('xx'))
  const { code, stdout, stderr } = await thump(['rules', 'lint', file], { program })
  expect({ code, said: stdout + stderr }).toEqual({
    code: 1,
    said: expect.stringContaining('no holidays are known for "xx"') as string,
  })
})

test('every licence of what was built into it is passed on', () => {
  const notices = readFileSync(join(installed, 'dist/THIRD-PARTY.txt'), 'utf8')
  for (const name of ['zod', 'yaml', 'kafkajs', 'amqplib', 'undici', '@elastic/elasticsearch'])
    expect(notices).toMatch(new RegExp(`^${name} \\d`, 'm'))
})
