import { rmSync, writeFileSync } from 'node:fs'
import { startShared } from './start-shared.ts'

/** `npm run servers [-- --json FILE]`: real servers for work by hand, until Ctrl-C. With THUMP_TEST_SERVERS=FILE tests use them. */
const at = process.argv.indexOf('--json')
const file = at > 0 ? process.argv[at + 1] : undefined
const { value, stop } = await startShared()
console.log(JSON.stringify(value, null, 2))
if (file !== undefined) writeFileSync(file, JSON.stringify(value))
console.log('running; Ctrl-C stops them all')

await new Promise<void>((resolve) => {
  const keepAlive = setInterval(() => {}, 60_000)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clearInterval(keepAlive)
      resolve()
    })
  }
})
if (file !== undefined) rmSync(file, { force: true })
await stop()
