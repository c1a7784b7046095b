import type { DatabaseSync } from 'node:sqlite'
import { columns, indexed } from './columns.ts'

/** Grows with every change that an older Thump could not read. */
export const formatVersion = 4

export const columnNames: readonly string[] = Object.values(columns)

export const automerge = "INSERT INTO words (words, rank) VALUES ('automerge', 12)"

// What is filtered and counted lies close together; the whole events lie elsewhere and are read only to be shown.
const tables = `
  CREATE TABLE terms (id INTEGER PRIMARY KEY, folded TEXT NOT NULL, text TEXT NOT NULL);
  CREATE UNIQUE INDEX terms_by_text ON terms (folded, text);
  CREATE TABLE events (
    rowid INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, seq INTEGER NOT NULL, topic INTEGER NOT NULL,
    ${columnNames.map((name) => `${name} INTEGER`).join(', ')}, id TEXT NOT NULL UNIQUE);
  CREATE INDEX by_time ON events (at_ms, seq);
  ${Object.keys(indexed)
    .map((name) => `CREATE INDEX by_${name} ON events (${name}, at_ms, seq) WHERE ${name} IS NOT NULL;`)
    .join('\n')}
  CREATE TABLE bodies (
    first INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, lines BLOB NOT NULL);
  CREATE INDEX by_span ON bodies (first, from_ms, until_ms);
  CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail=full, tokenize='ascii');
  ${automerge};`

/** Typical figures instead of measured ones: plans are the same on every day, from its first event on. */
// Of `events` alone: the index's own tables would be known as tiny to the connection that made them, and what its merges
// leave behind would be looked for through the whole index, slower with every event of the day.
const statistics = `
  ANALYZE events;
  DELETE FROM sqlite_stat1;
  INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('events', 'by_time', '1000000 20 2'),
  ${Object.entries(indexed)
    .map(([name, share]) => `('events', 'by_${name}', '1000000 ${share} 2 1')`)
    .join(',\n')};`

/** Makes the tables of a new file, all or none; throws for a file of another format. */
export function ensureSchema(database: DatabaseSync): void {
  const version = versionOf(database)
  if (version === formatVersion) return
  if (version !== 0) throw new OtherFormatError(version)
  database.exec(`BEGIN IMMEDIATE; ${tables} ${statistics} PRAGMA user_version = ${formatVersion}; COMMIT`)
}

export function versionOf(database: DatabaseSync): number {
  return (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
}

/** The day was written by another version of Thump. */
export class OtherFormatError extends Error {
  constructor(version: number) {
    super(`format ${version} is not the format ${formatVersion} of this version`)
  }
}
