import { rmSync } from 'node:fs'
import { stopProcesses } from './processes.ts'

/**
 * Started beside a server: `guard.ts BASE keep|remove`. When its standard input closes, because the parent stopped or was
 * killed, it ends every process of BASE, and removes the folder if asked to.
 */
const [base, after] = process.argv.slice(2)
// Ctrl-C in a terminal reaches the whole group: the guard must outlive the parent it watches.
process
  .on('SIGINT', () => {})
  .on('SIGTERM', () => {})
  .on('SIGHUP', () => {})
process.stdin.resume()
process.stdin.on('end', () => void clean())
process.stdin.on('error', () => void clean())

async function clean(): Promise<void> {
  if (base === undefined) return
  await stopProcesses(base, after === 'remove' ? 0 : 8000)
  if (after === 'remove') rmSync(base, { recursive: true, force: true, maxRetries: 20 })
  process.exit(0)
}
