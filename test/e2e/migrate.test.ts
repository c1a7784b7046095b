import { expect, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
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
}, 240_000)
