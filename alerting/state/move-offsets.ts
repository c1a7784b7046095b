import { existsSync } from 'node:fs'
import { ThumpError } from '../../runtime/errors.ts'
import type { TopicPartitionOffset } from '../../transport/transport.ts'
import { openStateDatabase, type StateDatabase } from './database.ts'
import { engineSchema } from './outbox.ts'

/** Where the alerter would go on reading; nothing where there is no state yet. Throws ThumpError while an alerter holds it. */
export function readOffsets(path: string): Promise<readonly TopicPartitionOffset[]> {
  return withState(path, [], (db) => {
    const rows = db.prepare('SELECT topic, partition, next FROM offsets').all()
    return rows.map((row) => ({
      topic: row['topic'] as TopicPartitionOffset['topic'],
      partition: row['partition'] as number,
      offset: row['next'] as number,
    }))
  })
}

/**
 * Puts the alerter's places where they are on another transport; windows, alerts and what waits to be told stay. Throws
 * ThumpError while an alerter holds the state. Does nothing where there is none yet.
 */
export function moveOffsets(path: string, offsets: readonly TopicPartitionOffset[]): Promise<void> {
  return withState(path, undefined, (db) =>
    db.transaction(() => {
      db.prepare('DELETE FROM offsets').run()
      const put = db.prepare('INSERT INTO offsets VALUES (?, ?, ?, NULL)')
      for (const { topic, partition, offset } of offsets) put.run(topic, partition, offset)
    }),
  )
}

async function withState<T>(path: string, none: T, work: (db: StateDatabase) => T): Promise<T> {
  if (!existsSync(path)) return none
  const opened = openStateDatabase(path)
  if (!opened) throw new ThumpError('THUMP_UNAVAILABLE', `an alerter holds ${path}: stop it first`)
  try {
    opened.value.migrate('engine', engineSchema)
    return work(opened.value)
  } finally {
    await opened.stop()
  }
}
