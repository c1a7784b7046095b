import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { configSchema } from '../../../runtime/config/schema.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { encodeEvent } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { openTransport } from '../../../transport/open-transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { startHttpReceiver } from '../../servers/http-receiver.ts'

const kills = Number(process.env['THUMP_ALERTER_KILLS'] ?? 6)
const seed = Number(process.env['THUMP_SEED'] ?? 9)
const eventCount = 100 * Math.max(6, kills)
const rules = `
rules:
- {id: each, topic: APP, type: match, where: {app.kind: alarm}, groupBy: app.key, quiet: 0s}
- {id: five, topic: APP, type: count, groupBy: app.user, count: {gte: 5, within: 1h}}
`

/** A small generator, so that a run can be repeated. */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Every fifth is an alarm; every user has four events or five, far from each other. */
function eventOf(index: number): ThumpEvent {
  const users = Math.floor(eventCount / 5)
  const user = index % users
  const isFifth = index >= 4 * users
  return {
    '@timestamp': new Date().toISOString(),
    event: { id: `e${index}`, dataset: 'app' },
    message: 'it happened',
    service: { type: 'app' },
    agent: { id: 'a', version: '0' },
    app: {
      kind: index % 5 === 0 ? 'alarm' : 'other',
      key: `k${index}`,
      ...(!(isFifth && user % 2) && { user: `u${user}` }),
    },
  } as ThumpEvent
}

async function writeEvents(dataDir: string): Promise<void> {
  const config = configSchema.parse({ cluster: 'demo', dataDir, transport: { embedded: { partitions: 1 } } })
  const transport = await openTransport(config, { log: silentLogger, metrics: createMetrics(), now: systemClock })
  const producer = await transport.value.createProducer()
  const records = Array.from({ length: eventCount }, (_, index) =>
    encodeEvent({ topic: 'APP', key: 'demo/events', event: eventOf(index) }),
  )
  await producer.value.send(records, new AbortController().signal)
  await producer.stop()
  await transport.stop()
}

async function startAlerter(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run-alerter.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test(
  `an alerter killed at ${kills} random instants tells every alert, none that is not, and twice only what was in flight`,
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'thump-kill-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const receiver = await startHttpReceiver()
    onTestFinished(() => receiver.stop())
    await writeEvents(dir)
    writeFileSync(join(dir, 'rules.yaml'), rules)
    const args = [dir, join(dir, 'rules.yaml'), receiver.value.url]
    const random = randomFrom(seed)
    for (let round = 0; round < kills; round++) {
      const child = await startAlerter(args)
      await sleep(random() * 250)
      await kill(child)
    }
    const last = await startAlerter(args)
    const told = () =>
      receiver.value.requests.map(
        ({ body }) => JSON.parse(body) as { alert: { rule: string; id: string; key: object } },
      )
    const alarms = eventCount / 5
    const ids = () => new Set(told().map(({ alert }) => alert.id))
    await eventually(() => ids().size >= alarms + Math.ceil(alarms / 2), {
      withinMs: 120_000 + kills * 2000,
      what: 'every alert told',
    })
    await kill(last)
    const keys = (rule: string) =>
      new Set(told().flatMap(({ alert }) => (alert.rule === rule ? [JSON.stringify(alert.key)] : [])))
    expect(keys('each').size).toBe(alarms)
    // Those with four events were not counted twice anywhere.
    expect(keys('five').size).toBe(Math.ceil(alarms / 2))
    expect(ids().size).toBe(alarms + Math.ceil(alarms / 2))
    expect(told().length - ids().size).toBeLessThanOrEqual(kills)
  },
  180_000 + kills * 5000,
)
