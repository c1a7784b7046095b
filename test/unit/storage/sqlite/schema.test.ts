import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { ensureSchema } from '../../../../storage/sqlite/schema.ts'

test('the connection that makes a day finds what full-text merges leave behind by number, not by looking at all', () => {
  using database = new DatabaseSync(':memory:')
  ensureSchema(database)
  const plan = database.prepare('EXPLAIN QUERY PLAN SELECT 1 FROM words_data WHERE id >= ? AND id <= ?').all()
  expect(plan.map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^SEARCH words_data USING INTEGER PRIMARY KEY/),
  ])
})
