import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { CommandModule } from 'yargs'
import { openRedactor } from '../agent/open-redactor.ts'
import { UnavailableError } from '../runtime/errors.ts'
import { type GlobalArgs, loadContext } from './context.ts'

interface TestArgs extends GlobalArgs {
  readonly file: string
}

/** Each line that is masked, before and after; then how often each rule did. `-` reads standard input. */
const test: CommandModule<GlobalArgs, TestArgs> = {
  command: 'test <file>',
  describe: 'Show what the configured masking does to a file: each changed line before and after',
  builder: (yargs) =>
    yargs.positional('file', { type: 'string', demandOption: true, describe: 'A text file; - reads standard input' }),
  handler: async (argv) => {
    const { config, out } = loadContext(argv)
    const redactor = openRedactor(config.agent.redact)
    const counts = new Map<string, number>()
    let lines = 0
    let changed = 0
    const input = argv.file === '-' ? process.stdin : createReadStream(argv.file)
    // A file that cannot be read must fail the command: an unheard 'error' of the stream would be lost in readline.
    const failed = new Promise<never>(
      (_, reject) => void input.once('error', (cause: Error) => reject(new UnavailableError(argv.file, cause))),
    )
    const read = async () => {
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        lines++
        const masked = redactor.text(line, (rule, count) => counts.set(rule, (counts.get(rule) ?? 0) + count))
        if (masked === line) continue
        changed++
        out.write(`${lines} - ${line}\n${lines} + ${masked}\n`)
      }
    }
    await Promise.race([read(), failed])
    const told = [...counts].map(([rule, count]) => `${rule} ${count}`).join(', ')
    out.write(`${changed} of ${lines} lines masked${told === '' ? '' : `: ${told}`}\n`)
  },
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'redact <action>',
  describe: 'Look at what masking does',
  builder: (yargs) => yargs.command(test).demandCommand(1) as never,
  handler: () => {},
}
