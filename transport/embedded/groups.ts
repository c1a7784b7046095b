import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TopicName } from '../../event/topics.ts'
import { ThumpError } from '../../runtime/errors.ts'
import type { TopicPartition, TopicPartitionOffset } from '../transport.ts'

/** Consumer groups and their committed offsets; open, it is also the log's lock, released even by kill -9. */
export interface Groups {
  /** From now on what this group has not read is not removed. Its committed offset, or undefined where it has none. */
  join(group: string, partition: TopicPartition): number | undefined
  commit(group: string, offsets: readonly TopicPartitionOffset[]): void
  /** The least offset that some group still has to read; undefined where no group reads the partition. */
  least(partition: TopicPartition): number | undefined
  close(): void
}

const notYet = -1

/** Throws ThumpError where another process holds the log. */
export function openGroups(dir: string): Groups {
  const database = new DatabaseSync(join(dir, 'groups.db'))
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL; BEGIN EXCLUSIVE')
    database.exec(
      'CREATE TABLE IF NOT EXISTS offsets (grp TEXT, topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (grp, topic, partition)) WITHOUT ROWID; COMMIT',
    )
  } catch (cause) {
    database.close()
    const code = (cause as { errcode?: number }).errcode ?? 0
    if ((code & 0xff) !== 5 && (code & 0xff) !== 6) throw cause
    throw new ThumpError('THUMP_UNAVAILABLE', `another thump owns ${dir}: stop it first, or name another dataDir`, {
      cause,
    })
  }
  const insert = database.prepare('INSERT OR IGNORE INTO offsets VALUES (?, ?, ?, ?)')
  const find = database.prepare('SELECT next FROM offsets WHERE grp = ? AND topic = ? AND partition = ?')
  const move = database.prepare(
    'INSERT INTO offsets VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)',
  )
  const low = database.prepare('SELECT min(next) AS next FROM offsets WHERE topic = ? AND partition = ?')
  return {
    join(group, { topic, partition }) {
      insert.run(group, topic, partition, notYet)
      const { next } = find.get(group, topic, partition) as { next: number }
      return next === notYet ? undefined : next
    },
    commit(group, offsets) {
      if (offsets.length === 0) return
      database.exec('BEGIN')
      for (const { topic, partition, offset } of offsets) move.run(group, topic, partition, offset)
      database.exec('COMMIT')
    },
    least({ topic, partition }: { topic: TopicName; partition: number }) {
      const { next } = low.get(topic, partition) as { next: number | null }
      return next === null ? undefined : Math.max(0, next)
    },
    close: () => database.close(),
  }
}
