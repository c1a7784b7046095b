import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TopicName } from '../../event/topics.ts'
import { readJsonFile, writeDurably } from '../../runtime/durable-file.ts'

/** Where things lie in the log's folder. */
export interface LogDir {
  readonly dir: string
  /** As made at first; a key must not change its partition. */
  readonly partitions: number
  partitionDir(topic: TopicName, partition: number): string
}

/** Reads the folder's layout; makes it where `create` says so. */
export function openLogDir(
  dir: string,
  topics: Readonly<Record<TopicName, string>>,
  wanted: number,
  create: boolean,
): LogDir {
  const file = join(dir, 'layout.json')
  const found = readJsonFile(file) as { partitions?: unknown } | undefined
  const partitions = typeof found?.partitions === 'number' ? found.partitions : wanted
  if (create) {
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    if (found === undefined) writeDurably(file, `${JSON.stringify({ version: 1, partitions })}\n`)
  }
  return {
    dir,
    partitions,
    partitionDir: (topic, partition) => join(dir, `${encodeURIComponent(topics[topic])}-${partition}`),
  }
}
