#!/usr/bin/env node
import yargs from 'yargs'
import { wrongUsage } from './cli/usage.ts'
import { asCommand, verbs } from './cli/verbs.ts'
import { ConfigError, isOutside, reasonOf, ThumpError } from './runtime/errors.ts'
import { logLevels } from './runtime/log.ts'
import { version } from './runtime/version.ts'

/** 0 done, 1 failed, 2 wrong usage, 78 bad configuration (EX_CONFIG of sysexits). */
const usageExit = 2
const configExit = 78

class UsageError extends Error {}

const cli = yargs(process.argv.slice(2))
  .scriptName('thump')
  .usage('$0 <command>\n\nThump watches RabbitMQ from beside it: what happened, who did it, and who must know.')
  .option('config', {
    type: 'string',
    describe: 'Configuration file (default: $THUMP_CONFIG, else /etc/thump/thump.yaml)',
    global: true,
  })
  .option('set', {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'Set one value: --set agent.firehose.enabled=true (repeatable)',
    global: true,
  })
  .option('log-level', { choices: logLevels, describe: 'How much to log', global: true })
  .option('color', {
    type: 'boolean',
    default: true,
    describe: 'Colours on a terminal; --no-color and NO_COLOR turn them off',
    global: true,
  })
  .command(verbs.map(asCommand))
  .completion('completion', 'Print a completion script for bash or zsh')
  .demandCommand(1, 'Name a command; the quickest look is: thump demo')
  .recommendCommands()
  .strict()
  .version(version)
  .help()
  .alias('help', 'h')
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .epilogue('Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.')
  .exitProcess(false)
  .fail((message: string, error: unknown) => {
    // What a check answers with comes as a text.
    throw error instanceof Error ? error : new UsageError(message)
  })

// `thump events | head`: who reads no more wants no more.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

// Whoever reads the log may be gone, or its disk be full. Not a word can be said of it; watching goes on.
process.stderr.on('error', () => {})

try {
  await cli.parseAsync()
} catch (error) {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = configExit
  } else if (error instanceof UsageError) {
    process.stderr.write(wrongUsage(error.message, await cli.getHelp()))
    process.exitCode = usageExit
  } else if (isOutside(error)) {
    // A stack is for mistakes of ours.
    process.stderr.write(`thump: ${error instanceof ThumpError ? error.message : reasonOf(error)}\n`)
    process.exitCode = 1
  } else {
    process.stderr.write(`thump: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  }
}
