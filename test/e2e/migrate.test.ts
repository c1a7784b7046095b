import { expect, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { eventually } from '../servers/eventually.ts'
import { runThump, thump, type ThumpProcess } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'
import { install } from './installation.ts'
import { expectAll, startTraffic } from './traffic.ts'

test('from one process to three on Kafka and Elasticsearch under traffic: nothing is lost, and nothing is stored twice', async () => {
  const { rabbit40, kafka, elasticsearch } = shared()
  const installation = await install({ broker: rabbit40, kafka: kafka.brokers, elasticsearch: elasticsearch.url })
  onTestFinished(() => installation.remove(), 60_000)
  const { config, id } = installation
  const running: ThumpProcess[] = []
  onTestFinished(async () => void (await Promise.all(running.map((one) => one.kill()))))
  const start = async (role: string, withConfig: string) => {
    const started = await runThump([role], { config: withConfig })
    running.push(started)
    await started.ready()
    return started
  }
  const { transport, storage, ...rest } = parse(config) as Record<string, Record<string, unknown>>
  const embedded = stringify({
    ...rest,
    transport: { ...transport, kind: 'embedded' },
    storage: { ...storage, kind: 'sqlite' },
  })
  const up = await start('up', embedded)
  const traffic = startTraffic(rabbit40, id)
  const migrate = async (to: string) => {
    const { code, stderr } = await thump(['migrate', '--to', to], { config: embedded })
    expect(`${code} ${stderr}`).toMatch(/^0 .*carried/s)
  }
  // Once while it runs, for what is old; then the rest.
  await migrate('elasticsearch')
  await up.kill()
  await migrate('elasticsearch')
  await migrate('kafka')
  await Promise.all(['agent', 'forwarder', 'alerting'].map((role) => start(role, config)))
  const deeds = await traffic.stop()
  await expectAll(installation, rabbit40, deeds)
  // Who carried it is carried as well.
  const recorded = async () => {
    const ask = ['events', 'event.action: migrate.*', '--all', '--output', 'json']
    const { stdout } = await thump(ask, { config })
    const events = stdout.split('\n').filter((line) => line !== '')
    return events.map((line) => JSON.parse(line) as { event: { action: string; outcome?: string }; thump: object })
  }
  await eventually(async () => (await recorded()).length >= 6, { what: 'the migrations to be found' })
  expect((await recorded()).map(({ event: { action, outcome } }) => `${action} ${outcome}`).toSorted()).toEqual([
    ...Array.from({ length: 3 }, () => 'migrate.finished success'),
    ...Array.from({ length: 3 }, () => 'migrate.started undefined'),
  ])
}, 240_000)
