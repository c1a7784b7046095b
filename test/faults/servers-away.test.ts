import { expect, onTestFinished, test } from 'vitest'
import { sleep } from '../../runtime/retry.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { install } from '../e2e/installation.ts'
import { expectAll, startTraffic } from '../e2e/traffic.ts'
import { startElasticsearch } from '../servers/elasticsearch.ts'
import { startKafka } from '../servers/kafka.ts'
import { startRabbitmq } from '../servers/rabbitmq.ts'
import { runThump } from '../servers/run-thump.ts'

const roleNames = ['agent', 'forwarder', 'alerting'] as const

test('absent at the start and lost later: roles keep running, come back by themselves, and lose nothing', async () => {
  const shutdown = new Shutdown()
  onTestFinished(() => shutdown.run(AbortSignal.timeout(90_000)), 100_000)
  const [rabbit, kafka, elasticsearch] = await Promise.all([startRabbitmq('4.0'), startKafka(), startElasticsearch()])
  const broker = shutdown.own('rabbitmq', rabbit)
  const log = shutdown.own('kafka', kafka)
  const index = shutdown.own('elasticsearch', elasticsearch)
  const installation = await install({ broker, kafka: log.brokers, elasticsearch: index.url })
  shutdown.add('installation', () => installation.remove())
  await Promise.all([broker.halt(), log.kill(), index.kill()])

  const roles = await Promise.all(roleNames.map((role) => runThump([role], { config: installation.config })))
  shutdown.add('roles', async () => void (await Promise.all(roles.map((role) => role.kill()))))
  for (const role of roles) await expect.poll(() => statusOf(`${role.healthUrl}/livez`), { timeout: 30_000 }).toBe(200)
  // Not ready, and it says so; alive all the same.
  for (const role of roles) expect(await statusOf(`${role.healthUrl}/readyz`)).toBe(503)
  await Promise.all([broker.start(), log.start(), index.start()])
  await Promise.all(roles.map((role) => role.ready()))

  let deeds = 0
  for (const server of [log, index]) {
    const traffic = startTraffic(broker, installation.id, deeds)
    await sleep(500)
    await server.kill()
    await sleep(2000)
    deeds = await traffic.stop()
    await server.start()
  }
  await broker.halt()
  await broker.start()
  await Promise.all(roles.map((role) => role.ready()))
  const traffic = startTraffic(broker, installation.id, deeds)
  await sleep(500)
  deeds = await traffic.stop()
  await expectAll(installation, broker, deeds)

  for (const role of roles) expect(role.stderr()).not.toMatch(/"level":60/)
  // Told once a loss, not once an attempt.
  const told = roles.map((role) => role.stderr().match(/storage is away/g)?.length ?? 0)
  expect(told).toEqual([0, expect.any(Number), 0])
  expect(told[1]).toBeLessThanOrEqual(4)
}, 400_000)

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
  await response.body?.cancel()
  return response.status
}
