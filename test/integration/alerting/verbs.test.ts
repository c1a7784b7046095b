import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { encodeEvent } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { configSchema } from '../../../runtime/config/schema.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { openStorage } from '../../../storage/open-storage.ts'
import { thump } from '../../servers/run-thump.ts'
import { openBench } from './harness.ts'

const bound = (gte: number) =>
  `rules:\n- id: deletions\n  topic: AMQP\n  type: count\n  where: {amqp.operation: queue.delete}\n  groupBy: rabbitmq.queue\n  count: {gte: ${gte}, within: 1m}\n  tests:\n  - name: as many as it takes\n    events: [{at: 0s, amqp.operation: queue.delete, rabbitmq.queue: q, repeat: ${gte}, every: 1s}]\n    expect: [{at: ${gte - 1}s}]\n`

function folder() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-verbs-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'rules'))
  const write = (name: string, text: string) => {
    const path = join(dir, name)
    writeFileSync(path, text)
    return path
  }
  const config = JSON.stringify({
    dataDir: join(dir, 'data'),
    timezone: 'UTC',
    alerting: { rules: [join(dir, 'rules/*.yaml')] },
  })
  return { dir, write, run: (...args: string[]) => thump(['rules', ...args], { config, cwd: dir }) }
}

describe('rules lint', () => {
  test('exits 0 with warnings, 1 with errors, and 1 with warnings where it is strict', async () => {
    const { write, run } = folder()
    write('rules/a.yaml', 'rules:\n- {id: a, topic: AMQP, type: match, where: {rabbitmq.queu: x}}\n')
    const lax = await run('lint')
    expect({ code: lax.code, last: lax.stdout.trim().split('\n').at(-1) }).toEqual({
      code: 0,
      last: '0 errors, 1 warning',
    })
    expect((await run('lint', '--strict')).code).toBe(1)
    write(
      'rules/b.yaml',
      'rules:\n- {id: a, topic: AMQP, type: mtach}\n- {id: c, topic: AMQP, type: match, where: {user.name.regex: "(?=x)"}}\n',
    )
    const bad = await run('lint', '--output', 'json')
    expect(bad.code).toBe(1)
    const problems = JSON.parse(bad.stdout) as Array<{ code: string; line: number; severity: string }>
    expect(problems.map(({ code, line, severity }) => `${code} ${line} ${severity}`)).toEqual([
      'field 2 warning',
      'type 2 error',
      'regex 3 error',
    ])
    const sarif = JSON.parse((await run('lint', '--output', 'sarif')).stdout) as {
      runs: Array<{ results: Array<{ ruleId: string; level: string }> }>
    }
    expect(sarif.runs[0]?.results.map(({ ruleId, level }) => [ruleId, level])).toEqual([
      ['field', 'warning'],
      ['type', 'error'],
      ['regex', 'error'],
    ])
  })
})

describe('rules test', () => {
  test('prints like a test runner, with the place of what failed', async () => {
    const { write, run } = folder()
    write('rules/a.yaml', bound(3))
    const good = await run('test')
    expect(good.code).toBe(0)
    expect(good.stdout).toContain('  ✓ deletions: as many as it takes\n')
    write('rules/a.yaml', bound(3).replace('gte: 3', 'gte: 4'))
    const bad = await run('test')
    expect(bad.code).toBe(1)
    expect(bad.stdout).toContain('  ✗ deletions: as many as it takes\n      expected firing at 2s: it did not come\n')
    expect(bad.stdout).toMatch(/at .*rules\/a\.yaml:9\n/)
    expect(bad.stdout).toContain('0 passed, 1 failed')
  })
})

describe('rules backtest', () => {
  const deletion = (secondsAgo: number, queue: string): ThumpEvent => ({
    '@timestamp': new Date(Date.now() - secondsAgo * 1000).toISOString(),
    event: { id: `e${secondsAgo}`, dataset: 'rabbitmq.event', action: 'queue.deleted' },
    message: `queue '${queue}' deleted`,
    service: { type: 'rabbitmq' },
    agent: { id: 'a', version: '0' },
    amqp: { operation: 'queue.delete' },
    rabbitmq: { queue },
  })
  const past = [400, 399, 398, 200, 199].map((ago) => deletion(ago, ago > 300 ? 'orders' : 'invoices'))

  test('over what is stored: firings, keys, and the difference an edit would make', async () => {
    const { dir, write, run } = folder()
    const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
    const storage = await openStorage(configSchema.parse({ dataDir: join(dir, 'data') }), deps)
    const items = past.map((event) => {
      const { value } = encodeEvent({ topic: 'AMQP', key: 'k', event })
      return {
        topic: 'AMQP' as const,
        id: event.event.id,
        value: Buffer.from(value),
        event,
        atMs: Date.parse(event['@timestamp']),
      }
    })
    const signal = AbortSignal.timeout(20_000)
    expect((await storage.value.store.write(items, signal)).map(({ kind }) => kind)).toEqual(past.map(() => 'stored'))
    await storage.stop()
    write('rules/a.yaml', bound(3))
    const edited = write('edited.yaml', bound(2))
    const { code, stdout, stderr } = await run('backtest', edited, '--since', '1h', '--output', 'json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      events: 5,
      rules: [{ id: 'deletions', matched: 5, firings: 2, resolved: 2 }],
      difference: [{ id: 'deletions', kind: 'edited', running: 1, tested: 2, gained: 2, lost: 1 }],
    })
  })

  test('over a file, for people', async () => {
    const { write, run } = folder()
    write('rules/a.yaml', bound(3))
    const events = write('events.ndjson', past.map((event) => `${JSON.stringify(event)}\n`).join(''))
    const { code, stdout } = await run('backtest', '--file', events)
    expect(code).toBe(0)
    expect(stdout).toContain('1 firings of 1 rules over 5 events')
    expect(stdout).toContain('1 × rabbitmq.queue=orders')
  })

  test('says what is wrong with the question', async () => {
    const { write, run } = folder()
    write('rules/a.yaml', bound(3))
    const nothing = await run('backtest', '--file', write('text.ndjson', 'no event\n'))
    expect(nothing.stdout).toContain('None of the lines is an event with a readable @timestamp: nothing was decided.')
    expect(await run('backtest', '--since', 'yesterday')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--since yesterday is no time') as string,
    })
    expect(await run('backtest', '--file', 'gone.ndjson')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no such file: gone.ndjson') as string,
    })
    expect(await run('backtest', '--rule', 'x', '--file', '-')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no rule "x"; known: deletions') as string,
    })
  })
})

describe('rules import', () => {
  test('prints a rule file that lint takes, and refuses with the place', async () => {
    const { write, run } = folder()
    const sigma = write(
      'sigma.yml',
      'title: Env files\nlogsource: {category: webserver}\ndetection:\n  s: {cs-uri-stem|endswith: /.env, sc-status: 200}\n  condition: s\nlevel: high\n',
    )
    const { code, stdout, stderr } = await run('import', 'sigma', sigma, '--dataset', 'nginx.access')
    expect(code).toBe(0)
    expect(stderr).toContain('1 rule carried over')
    write('rules/imported.yaml', stdout)
    expect(await run('lint')).toMatchObject({ code: 0, stdout: '0 errors, 0 warnings\n' })
    const refused = await run('import', 'sigma', sigma)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('sigma.yml:2:1 refused which events are "category webserver" here?')
  })
})

describe('rules list', () => {
  test('asks the running alerter: state, firing alerts, and stale files', async () => {
    const bench = await openBench()
    bench.writeRules('a.yaml', bound(2).replace(/ {2}tests:[^]*/, ''))
    const alerter = await bench.start()
    await bench.send('AMQP', deletedNow(), deletedNow())
    await expect.poll(() => alerter.alerts('firing'), { timeout: 20_000 }).toHaveLength(1)
    bench.writeRules('a.yaml', 'rules:\n- {id: deletions, type: conut}\n')
    await alerter.post('/api/v1/rules/reload')
    const listed = await thump(['rules', 'list', '--url', `http://127.0.0.1:${alerter.value.port}`])
    expect(listed.code).toBe(1)
    expect(listed.stdout).toMatch(/^deletions +count +AMQP +warning +live +1 +1 +- +.*a\.yaml:2 STALE$/m)
    expect(listed.stderr).toMatch(
      /STALE .*a\.yaml: its last good version runs\n.*unknown type "conut"; did you mean "count"\?/,
    )
  })

  test('without an alerter it tells so, and what the files say', async () => {
    const { write, run } = folder()
    write('rules/a.yaml', bound(2))
    const listed = await run('list', '--url', 'http://127.0.0.1:1')
    expect(listed.code).toBe(0)
    expect(listed.stderr).toMatch(/no alerter answers at http:\/\/127\.0\.0\.1:1 .*\nfrom the files:\n/)
    expect(listed.stdout).toMatch(/^deletions +count +AMQP/m)
  })
})

function deletedNow() {
  return { amqp: { operation: 'queue.delete' }, rabbitmq: { queue: 'q' } }
}
