import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerRoot, type Codename, fetchBroker } from '../../demo/broker/fetch-broker.ts'
import { type Broker, type BrokerRequest, startBroker } from '../../demo/broker/start-broker.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { cacheDir, progress } from './cache.ts'

export type RabbitmqVersion = '3.10' | '4.0'

const releases: Readonly<Record<RabbitmqVersion, Codename>> = { '3.10': 'bookworm', '4.0': 'trixie' }

/** The programs of a version, downloaded once. */
export function fetchRabbitmq(version: RabbitmqVersion): Promise<BrokerRoot> {
  return fetchBroker({ codename: releases[version], dir: cacheDir(), onProgress: progress })
}

/** A private RabbitMQ of the asked version; gone with its folder at the end. */
export async function startRabbitmq(
  version: RabbitmqVersion,
  request: Partial<BrokerRequest> = {},
): Promise<Started<Broker>> {
  const root = await fetchRabbitmq(version)
  return await startBroker({ root, base: mkdtempSync(join(tmpdir(), 'thump-rabbitmq-')), after: 'remove', ...request })
}
