import { openStateDatabase } from '../../../alerting/state/database.ts'

/** Holds an alerter's database as the active one does, amid a change that is not committed, until it is killed. */
const database = openStateDatabase(process.argv[2] ?? '')?.value
if (!database) throw new Error('somebody else holds the database')
database.migrate('held', ['CREATE TABLE held (id TEXT PRIMARY KEY)'])
database.prepare('INSERT INTO held VALUES (?)').run('committed')
database.transaction(() => {
  database.prepare('INSERT INTO held VALUES (?)').run('under way')
  process.stdout.write('holding\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
