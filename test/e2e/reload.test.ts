import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { eventually } from '../servers/eventually.ts'
import { runThump, thump } from '../servers/run-thump.ts'

const dir = () => {
  const made = mkdtempSync(join(tmpdir(), 'thump-reload-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

test('SIGHUP takes over log paths and masking without sending a line again; a bad file changes nothing and is told', async () => {
  const home = dir()
  const file = join(home, 'thump.yaml')
  const [first, second] = [join(home, 'first.log'), join(home, 'second.log')]
  const configure = (paths: readonly string[], pattern: string) =>
    writeFileSync(
      file,
      stringify({
        dataDir: join(home, 'data'),
        agent: {
          logs: [{ paths, format: 'plain', dataset: 'reload.test' }],
          redact: { rules: [{ name: 'badge', pattern }] },
        },
        alerting: { listen: '127.0.0.1:0' },
        log: { format: 'json' },
      }),
    )
  const messages = async () => {
    const { code, stdout, stderr } = await thump([
      'events',
      'event.dataset: reload.test',
      '--output',
      'json',
      '--config',
      file,
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n').filter((line) => line !== '')
    return lines.map((line) => (JSON.parse(line) as { message: string }).message).toSorted()
  }
  const stored = (expected: readonly string[]) =>
    eventually(
      async () => {
        expect(await messages()).toEqual(expected)
        return true
      },
      { everyMs: 500, what: expected.join(' and ') },
    )
  writeFileSync(first, 'a badge-11\n')
  writeFileSync(second, '')
  configure([first], 'nothing')
  const up = await runThump(['up', '--config', file])
  onTestFinished(async () => void (await up.kill()))
  await up.ready()
  await stored(['a badge-11'])

  configure([first, second], 'badge-[0-9]+')
  up.signal('SIGHUP')
  await eventually(() => up.stderr().includes('configuration reloaded'), { what: 'the reload' })
  appendFileSync(first, 'b badge-12\n')
  appendFileSync(second, 'c badge-13\n')
  await stored(['a badge-11', 'b ***', 'c ***'])

  configure([first, second], '(?=looking)ahead')
  up.signal('SIGHUP')
  await eventually(() => up.stderr().includes('configuration not reloaded'), { what: 'the refusal' })
  writeFileSync(file, 'agent: {logs: [{pathes: [x]}]}')
  up.signal('SIGHUP')
  await eventually(() => up.stderr().includes(`${file}:1:17 agent.logs[0].pathes`), {
    what: 'the place of the mistake',
  })
  configure([first, second], 'badge-[0-9]+')
  appendFileSync(second, 'd badge-14\n')
  await stored(['a badge-11', 'b ***', 'c ***', 'd ***'])
})
