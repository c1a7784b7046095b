import { join } from 'node:path'
import type { Started } from '../runtime/shutdown.ts'
import { createDemoAccounts, type DemoAccounts, switchTracingOn } from './accounts.ts'
import { fetchBroker, installedBroker } from './broker/fetch-broker.ts'
import { reachableDir } from './broker/processes.ts'
import { type Broker, startBroker } from './broker/start-broker.ts'

export interface DemoBrokerRequest {
  /** Keeps the unpacked packages and the node's data from one demo to the next. */
  readonly dir: string
  readonly onProgress: (line: string) => void
}

export interface DemoBroker {
  readonly broker: Broker
  readonly accounts: DemoAccounts
}

/**
 * The demo's own RabbitMQ: the installed one's programs, else Debian's packages unpacked into `dir`; in either case a node
 * of its own, with its own users and with tracing on, gone when stopped. Throws UnavailableError where none can be had.
 */
export async function startDemoBroker(request: DemoBrokerRequest): Promise<Started<DemoBroker>> {
  const { onProgress } = request
  const dir = reachableDir(request.dir)
  const root = installedBroker() ?? (await fetchBroker({ codename: 'bookworm', dir, onProgress }))
  onProgress('starting a private RabbitMQ ...')
  const { value: broker, stop } = await startBroker({
    root,
    base: join(dir, 'broker'),
    after: 'keep',
    nodeName: 'thump-demo@localhost',
  })
  try {
    const accounts = await createDemoAccounts(broker)
    await switchTracingOn(broker)
    onProgress(
      `RabbitMQ ${await broker.version()} is up at ${broker.amqpUrl} and ${broker.managementUrl} (guest/guest)`,
    )
    return { value: { broker, accounts }, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
