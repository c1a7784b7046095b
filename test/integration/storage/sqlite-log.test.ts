import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { lostTransactions } from '../../../storage/sqlite/write-ahead-log.ts'

/** A database of 50 transactions, all of them in its write-ahead log. */
function database() {
  const dir = mkdtempSync(join(tmpdir(), 'thump-wal-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'a.db')
  const writer = new DatabaseSync(path)
  onTestFinished(() => writer.close())
  writer.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)')
  for (let row = 0; row < 50; row++) writer.exec('INSERT INTO t VALUES (randomblob(3000))')
  /** How many rows SQLite finds with this log. */
  const rowsWith = (log: Buffer): number => {
    const copy = join(dir, 'copy.db')
    rmSync(`${copy}-shm`, { force: true })
    copyFileSync(path, copy)
    writeFileSync(`${copy}-wal`, log)
    const reader = new DatabaseSync(copy)
    try {
      return reader.prepare('SELECT count(*) AS count FROM t').get()?.['count'] as number
    } catch {
      return 0
    } finally {
      reader.close()
    }
  }
  return { log: readFileSync(`${path}-wal`), rowsWith }
}

test('a flipped bit is told exactly where SQLite passes over what was written', () => {
  const { log, rowsWith } = database()
  expect(lostTransactions(log)).toBe(0)
  const places = [...Array.from({ length: 32 }, (_, at) => at), ...Array.from({ length: 200 }, (_, n) => 32 + n * 3041)]
  for (const at of places.filter((place) => place < log.length)) {
    const damaged = Buffer.from(log)
    damaged[at] = (damaged[at] ?? 0) ^ 4
    expect(lostTransactions(damaged) > 0, `byte ${at}`).toBe(rowsWith(damaged) < 50)
  }
})

test('a tail that was torn is no damage', () => {
  const { log } = database()
  for (let end = 0; end < log.length; end += 1777) expect(lostTransactions(log.subarray(0, end)), `at ${end}`).toBe(0)
})
