import { DatabaseSync } from 'node:sqlite'
import type { ThumpEvent } from '../../event/event.ts'
import { type TopicName, topicNames } from '../../event/topics.ts'
import type { StoreItem } from '../storage.ts'
import { BodyReader } from './bodies.ts'
import { type Day, dayPath } from './day-files.ts'
import { formatVersion, OtherFormatError, versionOf } from './schema.ts'

/** A row's place in its day's file: rows keep theirs, later ones have greater numbers. */
export interface ScannedItem extends StoreItem {
  readonly rowid: number
}

/** All of a day's file in the order it was written, for who needs everything once; also beside the process that writes it. */
export class DayScan {
  readonly #database: DatabaseSync
  readonly #bodies: BodyReader

  /** Throws where the file cannot be read, or has another format. */
  constructor(dir: string, day: Day) {
    this.#database = new DatabaseSync(dayPath(dir, day), { readOnly: true })
    try {
      this.#database.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -4000')
      const version = versionOf(this.#database)
      if (version !== formatVersion) throw new OtherFormatError(version)
      this.#bodies = new BodyReader(this.#database)
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  count(): number {
    return this.#database.prepare('SELECT count(*) AS count FROM events').get()?.['count'] as number
  }

  /** The id of the event in that row: the file is still the one it was. */
  idAt(rowid: number): string | undefined {
    return this.#database.prepare('SELECT id FROM events WHERE rowid = ?').get(rowid)?.['id'] as string | undefined
  }

  /** The next events after a row; throws where an event is damaged. */
  next(after: number, limit: number): ScannedItem[] {
    const rows = this.#database
      .prepare(
        `SELECT rowid, at_ms, id, (SELECT text FROM terms WHERE terms.id = topic) AS topic FROM events
         WHERE rowid > ? ORDER BY rowid LIMIT ?`,
      )
      .all(after, limit) as unknown as ReadonlyArray<{ rowid: number; at_ms: number; id: string; topic: string }>
    return rows.map(({ rowid, at_ms: atMs, id, topic }) => {
      const json = this.#bodies.json(rowid)
      const event = JSON.parse(json) as ThumpEvent
      return { rowid, topic: topicOf(topic), id, value: Buffer.from(json), event, atMs }
    })
  }

  close(): void {
    this.#database.close()
  }
}

function topicOf(text: string): TopicName {
  const known = topicNames.find((name) => name === text)
  if (!known) throw new Error(`"${text}" is no topic`)
  return known
}
