import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { prepareBase, startGuard, startServerProcess } from '../../demo/broker/guarded.ts'
import { serverUser, stopProcesses } from '../../demo/broker/processes.ts'
import { type Broker, type BrokerRequest, startBroker } from '../../demo/broker/start-broker.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import { fetchRabbitmq, type RabbitmqVersion } from './rabbitmq.ts'

/** Nodes of one RabbitMQ cluster on loopback, each with its own folder and ports; gone at the end. */
export async function startRabbitmqCluster(
  version: RabbitmqVersion,
  { nodes = 2, ...request }: { readonly nodes?: number } & Partial<BrokerRequest> = {},
): Promise<Started<readonly Broker[]>> {
  const shutdown = new Shutdown()
  const stop = () => shutdown.run(AbortSignal.timeout(60_000))
  const root = await fetchRabbitmq(version)
  try {
    // An epmd of their own: the one that a node starts would die with that node, and hide the others.
    const epmd = shutdown.own('epmd', await startEpmd(root.erlangBin))
    const shared = {
      root,
      after: 'remove',
      cookie: randomBytes(16).toString('hex'),
      ports: { epmd },
      ...request,
    } as const
    const brokers: Broker[] = []
    for (let index = 0; index < nodes; index++) {
      const base = mkdtempSync(join(tmpdir(), 'thump-rabbitmq-'))
      const broker = shutdown.own(`node ${index}`, await startBroker({ ...shared, base }))
      const [first] = brokers
      if (first) await joinCluster(broker, first)
      brokers.push(broker)
    }
    return { value: brokers, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function joinCluster(broker: Broker, first: Broker): Promise<void> {
  await broker.ctl('stop_app')
  await broker.ctl('join_cluster', first.nodeName)
  await broker.ctl('start_app')
}

async function startEpmd(erlangBin: string): Promise<Started<number>> {
  const [port = 0] = await freePorts(1)
  const base = mkdtempSync(join(tmpdir(), 'thump-epmd-'))
  const user = serverUser()
  prepareBase(base, [], user)
  const guard = startGuard(base, 'remove')
  const env = { PATH: '/usr/bin:/bin', ERL_EPMD_ADDRESS: '127.0.0.1' }
  const args = ['-port', String(port)]
  startServerProcess({ program: join(erlangBin, 'epmd'), args, env, base, user, logFile: join(base, 'epmd.log') })
  const stop = async () => {
    await stopProcesses(base, 0)
    await guard.release()
  }
  return { value: port, stop }
}
