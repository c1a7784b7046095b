import { z } from 'zod'
import { openSwitchedOn } from '../agent/sources/firehose/switched.ts'
import { switchTracing } from '../agent/sources/firehose/tracing.ts'
import { Secret } from '../runtime/config/secret.ts'
import { sleep } from '../runtime/retry.ts'

/**
 * Started beside a capture. Its standard input is one line of JSON, the account and the file of what was switched on;
 * when it closes, because the capture ended or was killed, whatever that file still names is switched off.
 */
const order = z.object({ url: z.string(), username: z.string(), password: z.string().optional(), file: z.string() })
const attempts = 20
let input = ''
// Ctrl-C in a terminal reaches the whole group: the guard must outlive the capture it watches.
process
  .on('SIGINT', () => {})
  .on('SIGTERM', () => {})
  .on('SIGHUP', () => {})
process.stdin.setEncoding('utf8').on('data', (chunk: string) => (input += chunk))
process.stdin.on('end', () => void restore()).on('error', () => void restore())

async function restore(): Promise<void> {
  const { file, url, username, password } = order.parse(JSON.parse(input))
  const account = { url, username, ...(password !== undefined && { password: new Secret(password) }) }
  for (let attempt = 0; attempt < attempts; attempt++) {
    // The ended capture has taken out what it switched off itself.
    const switchedOn = openSwitchedOn(file)
    for (const vhost of switchedOn.all())
      await switchTracing(account, vhost, false, AbortSignal.timeout(5000)).then(
        () => switchedOn.remove(vhost),
        () => {},
      )
    if (switchedOn.all().length === 0) break
    await sleep(3000)
  }
  process.exit(0)
}
