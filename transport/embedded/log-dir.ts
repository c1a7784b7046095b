import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type TopicName, topicNames } from '../../event/topics.ts'
import { readJsonFile, writeDurably } from '../../runtime/durable-file.ts'
import { ThumpError } from '../../runtime/errors.ts'

/** Where things lie in the log's folder. */
export interface LogDir {
  readonly dir: string
  /** As made at first; a key must not change its partition. */
  readonly partitions: number
  partitionDir(topic: TopicName, partition: number): string
}

interface Layout {
  readonly version?: unknown
  readonly partitions?: unknown
  readonly sum?: unknown
}

const version = 1
const sumOf = (partitions: number) => crc32(`${version} ${partitions}`)

/** Reads the folder's layout; makes it where `create` says so. Throws ThumpError on another version. */
export function openLogDir(
  dir: string,
  topics: Readonly<Record<TopicName, string>>,
  wanted: number,
  create: boolean,
): LogDir {
  const path = join(dir, 'layout.json')
  const found = readJsonFile(path) as Layout | undefined
  const isKept = typeof found?.partitions === 'number' && found.sum === sumOf(found.partitions)
  if (found && !isKept && typeof found.version === 'number' && found.version > version)
    throw new ThumpError('THUMP_REJECTED', `${path} has version ${found.version}; this Thump reads version ${version}`)
  // A damaged layout is told by the folders that were made by it.
  const partitions = isKept ? Number(found.partitions) : partitionsIn(dir, topics) || wanted
  if (create) {
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    if (!isKept) writeDurably(path, `${JSON.stringify({ version, partitions, sum: sumOf(partitions) })}\n`)
  }
  return {
    dir,
    partitions,
    partitionDir: (topic, partition) => join(dir, `${folderOf(topics[topic])}-${partition}`),
  }
}

const folderOf = (name: string) => encodeURIComponent(name)

/** 0 where there are none. */
function partitionsIn(dir: string, topics: Readonly<Record<TopicName, string>>): number {
  let names: ReadonlySet<string>
  try {
    names = new Set(readdirSync(dir))
  } catch {
    return 0
  }
  const countOf = (topic: TopicName) => {
    let count = 0
    while (names.has(`${folderOf(topics[topic])}-${count}`)) count++
    return count
  }
  return Math.max(...topicNames.map(countOf))
}
