import { join } from 'node:path'
import type { TopicName } from '../event/topics.ts'
import type { Config } from '../runtime/config/schema.ts'
import { ConfigError } from '../runtime/errors.ts'
import type { RuntimeDeps } from '../runtime/runtime-deps.ts'
import type { Started } from '../runtime/shutdown.ts'
import type { Transport } from './transport.ts'

/** The transport the configuration names. `mode: 'read'` of the embedded kind is for every process but the one that owns it. */
export async function openTransport(
  config: Config,
  deps: RuntimeDeps,
  mode: 'write' | 'read' = 'write',
): Promise<Started<Transport>> {
  const { kind, embedded, kafka } = config.transport
  const names = topicNamesOf(config)
  if (kind === 'embedded') {
    const { createEmbeddedTransport } = await import('./embedded/embedded-transport.ts')
    return createEmbeddedTransport(
      {
        dir: join(config.dataDir, 'log'),
        topics: names,
        partitions: embedded.partitions,
        retentionMs: embedded.retention,
        maxBytes: embedded.maxBytes,
        mode,
      },
      deps,
    )
  }
  const { createKafkaTransport } = await import('./kafka/kafka-transport.ts')
  return createKafkaTransport({ ...kafka, topics: names }, deps)
}

/** What the topics are called on the wire, and on disk. */
export function topicNamesOf({ transport: { topics } }: Config): Readonly<Record<TopicName, string>> {
  return {
    APP: topics.app,
    AMQP: topics.amqp,
    METRIC: topics.metric,
    THUMP: topics.self,
    DEADLETTER: topics.deadLetter,
  }
}

/** The embedded log belongs to one process: a single role would be alone with it. Throws ConfigError. */
export function refuseEmbedded(config: Config, role: string, file: string | undefined): void {
  if (config.transport.kind !== 'embedded') return
  const message = `thump ${role} needs transport.kind: kafka, since the embedded log belongs to one process; run all roles in one with: thump up`
  throw new ConfigError([
    { file: file ?? 'defaults', line: 0, column: 0, path: 'transport.kind', message, severity: 'error' },
  ])
}
