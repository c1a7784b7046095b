import { join } from 'node:path'
import type { Config } from '../runtime/config/schema.ts'
import type { RuntimeDeps } from '../runtime/runtime-deps.ts'
import type { Started } from '../runtime/shutdown.ts'
import type { Storage } from './storage.ts'

/** The storage the configuration names. `mode: 'read'` opens SQLite beside the process that writes it. */
export async function openStorage(
  config: Config,
  deps: RuntimeDeps,
  mode: 'write' | 'read' = 'write',
): Promise<Started<Storage>> {
  const { kind, sqlite, elasticsearch } = config.storage
  if (kind === 'sqlite') {
    const { createSqliteStorage } = await import('./sqlite/sqlite-storage.ts')
    return createSqliteStorage(
      { dir: join(config.dataDir, 'events'), retentionMs: sqlite.retention, maxBytes: sqlite.maxBytes, mode },
      deps,
    )
  }
  const { createElasticsearchStorage } = await import('./elasticsearch/elasticsearch-storage.ts')
  return createElasticsearchStorage({ ...elasticsearch, retentionMs: elasticsearch.retention }, deps)
}
