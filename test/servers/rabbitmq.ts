import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Codename, fetchBroker } from '../../demo/broker/fetch-broker.ts'
import { type Broker, type BrokerRequest, startBroker } from '../../demo/broker/start-broker.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { cacheDir, progress } from './cache.ts'

const releases: Readonly<Record<'3.10' | '4.0', Codename>> = { '3.10': 'bookworm', '4.0': 'trixie' }

/** A private RabbitMQ of the asked version; gone with its folder at the end. */
export async function startRabbitmq(
  version: '3.10' | '4.0',
  request: Partial<BrokerRequest> = {},
): Promise<Started<Broker>> {
  const root = await fetchBroker({ codename: releases[version], dir: cacheDir(), onProgress: progress })
  return await startBroker({ root, base: mkdtempSync(join(tmpdir(), 'thump-rabbitmq-')), after: 'remove', ...request })
}
