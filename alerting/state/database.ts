import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'

/** The alerter's one database: offsets, windows, alerts, outbox and deliveries, changed together or not at all. */
export interface StateDatabase {
  /** All of `change` or none of it; an inner transaction joins the outer one. Synchronous on purpose. */
  transaction<T>(change: () => T): T
  /** The same without waiting for the disk: for what is made again from what is durable, should the power fail. */
  relaxed<T>(change: () => T): T
  /** A prepared statement, made once per text. */
  prepare(sql: string): StatementSync
  /** Brings one room's tables up to date: `steps` only ever grow at the end. */
  migrate(room: string, steps: readonly string[]): void
}

/**
 * Opens and locks the database; undefined where another process holds it. The lock is the file's own, held for as long as
 * it is open and released by the system when the process dies: who holds it is the active alerter.
 */
export function openStateDatabase(path: string): Started<StateDatabase> | undefined {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  const database = new DatabaseSync(path)
  try {
    // Before the first read of a WAL database: then the lock is exclusive and no shared memory file is made.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY')
    // Locks are taken by the first write, not by the pragma.
    database.exec(
      'BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS migrations (room TEXT PRIMARY KEY, step INTEGER); COMMIT',
    )
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return started(database)
}

/** Waits as a standby until the lock is free; `onStandby` is called once, when there is something to wait for. */
export async function takeStateDatabase(
  path: string,
  { signal, pollMs = 1000, onStandby }: { signal: AbortSignal; pollMs?: number; onStandby?: () => void },
): Promise<Started<StateDatabase>> {
  for (let attempt = 0; ; attempt++) {
    const database = openStateDatabase(path)
    if (database) return database
    if (attempt === 0) onStandby?.()
    await sleep(pollMs, signal)
  }
}

function started(database: DatabaseSync): Started<StateDatabase> {
  const statements = new Map<string, StatementSync>()
  let depth = 0
  const transaction = <T>(change: () => T): T => {
    if (depth > 0) return change()
    database.exec('BEGIN IMMEDIATE')
    depth++
    try {
      const result = change()
      database.exec('COMMIT')
      return result
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    } finally {
      depth--
    }
  }
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  const value: StateDatabase = {
    transaction,
    relaxed(change) {
      if (depth > 0) return change()
      database.exec('PRAGMA synchronous = NORMAL')
      try {
        return transaction(change)
      } finally {
        database.exec('PRAGMA synchronous = FULL')
      }
    },
    prepare,
    migrate(room, steps) {
      transaction(() => {
        const row = prepare('SELECT step FROM migrations WHERE room = ?').get(room) as { step: number } | undefined
        for (const step of steps.slice(row?.step ?? 0)) database.exec(step)
        prepare('INSERT INTO migrations VALUES (?, ?) ON CONFLICT DO UPDATE SET step = excluded.step').run(
          room,
          steps.length,
        )
      })
    },
  }
  return {
    value,
    stop: async () => {
      if (database.isOpen) database.close()
    },
  }
}

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode
  // SQLITE_BUSY and SQLITE_LOCKED, extended codes included.
  return code !== undefined && ((code & 0xff) === 5 || (code & 0xff) === 6)
}
