import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { thump } from '../servers/run-thump.ts'

const badConfig = `transport:
  kind: kafkaa
agent:
  amqp: {url: "amqp://127.0.0.1", pasword: x}
alerting:
  routes:
  - {to: [nobody]}
`

test.each(['up', 'agent', 'forwarder', 'alerting', 'check-config'])(
  'thump %s names every problem of the configuration with its place, exits 78 and starts nothing',
  async (verb) => {
    const { code, stdout, stderr } = await thump([verb], { config: badConfig })
    expect(code).toBe(78)
    expect(stdout).toBe('')
    expect(stderr).toContain('thump.yaml:2:3 transport.kind')
    expect(stderr).toContain('thump.yaml:4:35 agent.amqp.pasword: unknown key "pasword"; did you mean "password"?')
    expect(stderr).toContain('thump.yaml:7:11 alerting.routes[0].to[0]: channel "nobody" is not defined')
  },
)

test.each(['up', 'check-config'])(
  'thump %s names every problem of a rule file, exits 78 and starts nothing',
  async (verb) => {
    const dir = mkdtempSync(join(tmpdir(), 'thump-rules-'))
    onTestFinished(() => rmSync(dir, { recursive: true }))
    const file = join(dir, 'bad.yaml')
    writeFileSync(
      file,
      'rules:\n- id: a\n  topic: AMQP\n  type: count\n  count: {gte: 2, timefame: 5m}\n- id: a\n  type: mach\n',
    )
    const config = `dataDir: ${dir}/data\nalerting: {rules: ["${dir}/*.yaml"], listen: "127.0.0.1:0"}\n`
    const { code, stderr } = await thump([verb], { config })
    expect(code).toBe(78)
    expect(stderr).toContain(`${file}:5:19`)
    expect(stderr).toContain('unknown key "timefame" in count; did you mean "within"?')
    expect(stderr).toContain(`${file}:7:3`)
  },
)

test.each(['agent', 'forwarder', 'alerting'])('thump %s refuses the embedded log with the remedy', async (role) => {
  const { code, stderr } = await thump([role], { config: 'dataDir: /tmp\n' })
  expect(code).toBe(78)
  expect(stderr).toContain('run all roles in one with: thump up')
})

test('a password in the configuration is printed as [secret]', async () => {
  const config = 'agent: {amqp: {url: "amqp://u:hunter2@127.0.0.1", username: u, password: hunter2}}\n'
  const { code, stdout, stderr } = await thump(['config', 'print'], { config })
  expect(code).toBe(0)
  expect(stdout).toContain('agent.amqp.password: [secret]')
  expect(stdout + stderr).not.toContain('hunter2')
})

test('wrong usage exits 2 and says how it is used', async () => {
  const { code, stderr } = await thump(['evnets'])
  expect(code).toBe(2)
  expect(stderr).toContain('events')
})
