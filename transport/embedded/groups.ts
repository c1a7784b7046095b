import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { Clock } from '../../runtime/clock.ts'
import { ThumpError, UnavailableError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import type { TopicPartition, TopicPartitionOffset } from '../transport.ts'
import type { Holder } from './retention.ts'

/** Consumer groups and their committed offsets; open, it is also the log's lock, released even by kill -9. */
export interface Groups {
  /** Some offsets were lost with a damaged file: who reads is not known until the groups are there again. */
  readonly isIncomplete: boolean
  /** The group's committed offset, or undefined where it has none. */
  committed(role: string, partition: TopicPartition): number | undefined
  /** From now on what this group has not read is not removed. */
  join(role: string, partition: TopicPartition): void
  /** Durable when it returns; `ends` are the log's present ends of the same partitions. Throws UnavailableError. */
  commit(role: string, offsets: readonly TopicPartitionOffset[], ends: readonly TopicPartitionOffset[]): void
  /** The group that is furthest behind; undefined where none reads the partition. */
  holderOf(partition: TopicPartition): Holder | undefined
  /** The greatest end of the partition that is known from commits and the last stop. */
  knownEnd(partition: TopicPartition): number
  close(ends: readonly TopicPartitionOffset[]): void
}

export interface GroupsDeps {
  readonly log: Logger
  readonly now: Clock
}

/** Rows of the log's own ends; no role is called so. */
const endRole = ''
const notYet = -1
const codes = { busy: 5, locked: 6, corrupt: 11, notDatabase: 26 }

const keyOf = ({ topic, partition }: TopicPartition) => `${topic} ${partition}`
const sumOf = (role: string, topic: string, partition: number, next: number) =>
  crc32(`${role} ${topic} ${partition} ${next}`)
const codeOf = (error: unknown) => ((error as { errcode?: number }).errcode ?? 0) & 0xff

/** Throws ThumpError where another process holds the log. A damaged file is set aside and told. */
export function openGroups(dir: string, { log, now }: GroupsDeps): Groups {
  const path = join(dir, 'groups.db')
  try {
    return openOnce(path, dir, log, false)
  } catch (cause) {
    const code = codeOf(cause)
    if (code === codes.busy || code === codes.locked)
      throw new ThumpError('THUMP_UNAVAILABLE', `another thump owns ${dir}: stop it first, or name another dataDir`, {
        cause,
      })
    if (code !== codes.corrupt && code !== codes.notDatabase) throw cause
    const aside = `${path}.damaged-${now()}`
    log.error({ err: cause, path, aside }, 'committed offsets are damaged: set aside, groups read from the beginning')
    renameSync(path, aside)
    for (const suffix of ['-wal', '-journal']) rmSync(`${path}${suffix}`, { force: true })
    return openOnce(path, dir, log, true)
  }
}

function openOnce(path: string, dir: string, log: Logger, isAnew: boolean): Groups {
  const database = new DatabaseSync(path)
  try {
    prepareDatabase(database)
    return groupsIn(database, dir, log, isAnew)
  } catch (error) {
    database.close()
    throw error
  }
}

function prepareDatabase(database: DatabaseSync): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 64; BEGIN EXCLUSIVE')
  database.exec(
    'CREATE TABLE IF NOT EXISTS positions (role TEXT, topic TEXT, partition INTEGER, next INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (role, topic, partition)) WITHOUT ROWID; COMMIT',
  )
  const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  if (check.quick_check !== 'ok') throw Object.assign(new Error(check.quick_check), { errcode: codes.corrupt })
}

function groupsIn(database: DatabaseSync, dir: string, log: Logger, isAnew: boolean): Groups {
  const { positions, damaged } = loadPositions(database)
  if (damaged > 0) log.error({ dir, damaged }, 'committed offsets are damaged: these groups read from the beginning')
  const put = database.prepare('INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)')
  const rolesOf = (at: TopicPartition) => {
    const known = positions.get(keyOf(at)) ?? new Map<string, number>()
    positions.set(keyOf(at), known)
    return known
  }
  /** In one transaction; only what goes forward. */
  const write = (rows: ReadonlyArray<TopicPartitionOffset & { readonly role: string }>) => {
    const due = rows.filter(({ role, offset, ...at }) => offset > (rolesOf(at).get(role) ?? notYet - 1))
    if (due.length === 0) return
    try {
      database.exec('BEGIN')
      for (const { role, topic, partition, offset } of due)
        put.run(role, topic, partition, offset, sumOf(role, topic, partition, offset))
      database.exec('COMMIT')
    } catch (cause) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw new UnavailableError(dir, cause)
    }
    for (const { role, offset, ...at } of due) rolesOf(at).set(role, offset)
  }
  return {
    isIncomplete: isAnew || damaged > 0,
    committed(role, partition) {
      const next = rolesOf(partition).get(role)
      return next === notYet ? undefined : next
    },
    join(role, at) {
      if (rolesOf(at).has(role)) return
      try {
        write([{ role, topic: at.topic, partition: at.partition, offset: notYet }])
      } catch (err) {
        log.warn({ err, role }, 'a new group is not kept yet: it is with its first commit')
        rolesOf(at).set(role, notYet)
      }
    },
    commit: (role, offsets, ends) =>
      write([...offsets.map((one) => ({ ...one, role })), ...ends.map((one) => ({ ...one, role: endRole }))]),
    holderOf(at) {
      const groups = [...rolesOf(at)].filter(([role]) => role !== endRole)
      const [least] = groups.toSorted(([, a], [, b]) => a - b)
      return least && { role: least[0], offset: Math.max(0, least[1]) }
    },
    knownEnd: (at) => Math.max(0, ...rolesOf(at).values()),
    close(ends) {
      try {
        write(ends.map((one) => ({ ...one, role: endRole })))
      } catch (err) {
        // Only a help to tell damage from a torn write later: a full disk must not fail the stop.
        log.warn({ err }, 'the ends of the log are not kept')
      }
      database.close()
    },
  }
}

interface Row {
  readonly role: string
  readonly topic: string
  readonly partition: number
  readonly next: number
  readonly sum: number
}

/** SQLite has no checksums of its own: each row carries one. Rows that fail it are removed. */
function loadPositions(database: DatabaseSync) {
  const rows = readRows(database)
  const whole = rows.filter((row) => sumOf(row.role, row.topic, row.partition, row.next) === row.sum)
  if (whole.length < rows.length) {
    const put = database.prepare('INSERT INTO positions VALUES (?, ?, ?, ?, ?)')
    database.exec('BEGIN; DELETE FROM positions')
    for (const { role, topic, partition, next, sum } of whole) put.run(role, topic, partition, next, sum)
    database.exec('COMMIT')
  }
  const positions = new Map<string, Map<string, number>>()
  for (const { role, topic, partition, next } of whole) {
    const key = `${topic} ${partition}`
    positions.set(key, (positions.get(key) ?? new Map<string, number>()).set(role, next))
  }
  return { positions, damaged: rows.length - whole.length }
}

function readRows(database: DatabaseSync): readonly Row[] {
  try {
    return database
      .prepare('SELECT role, topic, partition, next, sum FROM positions')
      .all() as unknown as readonly Row[]
  } catch (cause) {
    // A number that no number of ours can be is damage too.
    throw Object.assign(new Error('offsets cannot be read', { cause }), { errcode: codeOf(cause) || codes.corrupt })
  }
}
