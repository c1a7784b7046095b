import { onTestFinished, test } from 'vitest'
import { sleep } from '../../runtime/retry.ts'
import { install, type Servers } from '../e2e/installation.ts'
import { expectAll, startTraffic } from '../e2e/traffic.ts'
import { runThump, type ThumpProcess } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'

/** A killed member of a consumer group is waited for: a round takes more than a minute. */
const rounds = Number(process.env['THUMP_KILL_ROUNDS'] ?? 1)

async function survive(servers: Servers, roles: readonly string[], rounds: number): Promise<void> {
  const installation = await install(servers)
  onTestFinished(() => installation.remove(), 60_000)
  const { config, id } = installation
  const running = new Map<string, ThumpProcess>()
  onTestFinished(async () => void (await Promise.all([...running.values()].map((role) => role.kill()))))
  const start = async (role: string) => {
    const process = await runThump([role], { config })
    running.set(role, process)
    await process.ready()
  }
  await Promise.all(roles.map(start))
  const traffic = startTraffic(servers.broker, id)
  for (let round = 0; round < rounds; round++) {
    for (const role of roles) {
      await sleep(300 + 150 * round)
      await running.get(role)?.kill()
      await start(role)
    }
  }
  await sleep(500)
  const deeds = await traffic.stop()
  await expectAll(installation, servers.broker, deeds)
}

test('kill -9 of agent, forwarder and alerter in turn under traffic loses nothing and stores nothing twice', async () => {
  const { rabbit40, kafka, elasticsearch } = shared()
  await survive(
    { broker: rabbit40, kafka: kafka.brokers, elasticsearch: elasticsearch.url },
    ['agent', 'forwarder', 'alerting'],
    rounds,
  )
}, 480_000)

test('kill -9 of the one process under traffic loses nothing and stores nothing twice', async () => {
  await survive({ broker: shared().rabbit310 }, ['up'], 4)
}, 480_000)
