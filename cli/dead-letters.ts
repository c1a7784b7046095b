import type { CommandModule } from 'yargs'
import { type DeadLetter, readDeadLetters, retriedNote, retryOf, whyNotRetry } from '../forwarder/dead-letters.ts'
import { systemClock } from '../runtime/clock.ts'
import { UnavailableError } from '../runtime/errors.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { openTransport } from '../transport/open-transport.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { readTopic } from './read-topic.ts'

interface ListArgs extends GlobalArgs {
  readonly reason?: string
  readonly all: boolean
  readonly output: 'text' | 'json'
}
interface ShowArgs extends GlobalArgs {
  readonly letter: string
}
interface RetryArgs extends GlobalArgs {
  readonly letters: readonly string[]
  readonly reason?: string
  readonly all: boolean
  readonly dryRun: boolean
}

const patienceMs = 30_000

const list: CommandModule<GlobalArgs, ListArgs> = {
  command: 'list',
  describe: 'What the storage refused, oldest first',
  builder: (yargs) =>
    yargs
      .option('reason', { type: 'string', describe: 'Only those refused for this reason' })
      .option('all', { type: 'boolean', default: false, describe: 'Also those that were sent again' })
      .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'json: one a line' })
      .example('$0 dead-letters list --reason document_parsing_exception', 'those with a wrong type') as never,
  handler: async ({ reason, all, output, ...argv }) => {
    const context = loadContext(argv)
    const letters = (await readLetters(context)).filter(
      (one) => (all || !one.wasRetried) && (reason === undefined || one.reason === reason),
    )
    for (const letter of letters) context.out.write(`${output === 'json' ? toJson(letter) : toLine(letter)}\n`)
    if (output === 'text') context.err.write(`${letters.length} dead letters\n`)
  },
}

const show: CommandModule<GlobalArgs, ShowArgs> = {
  command: 'show <letter>',
  describe: 'One of them with its original bytes',
  builder: (yargs) =>
    yargs.positional('letter', {
      type: 'string',
      demandOption: true,
      describe: 'TOPIC/partition/offset, or an id',
    }) as never,
  handler: async ({ letter: name, ...argv }) => {
    const context = loadContext(argv)
    const found = (await readLetters(context)).filter((one) => isCalled(one, name))
    if (found.length === 0) fail(context, `there is no dead letter ${name}; thump dead-letters list --all shows them`)
    for (const letter of found) {
      const { address, reason, error, id, wasRetried, cutFrom, value } = letter
      const about = { address, reason, error, id, wasRetried, cutFrom, bytes: value.length, retry: whyNotRetry(letter) }
      for (const [key, text] of Object.entries(about))
        if (text !== undefined) context.err.write(`${key}: ${printable(String(text))}\n`)
      // A file or a program gets the bytes as they were.
      context.out.write(context.isTty ? printable(value.toString('utf8')) : value)
      context.out.write('\n')
    }
  },
}

const retry: CommandModule<GlobalArgs, RetryArgs> = {
  command: 'retry [letters..]',
  describe: 'Send them to their topic again, with the same id, when the cause is mended',
  builder: (yargs) =>
    yargs
      .positional('letters', { type: 'string', array: true, default: [], describe: 'TOPIC/partition/offset, or ids' })
      .option('reason', { type: 'string', describe: 'All that were refused for this reason' })
      .option('all', { type: 'boolean', default: false, describe: 'All that were not sent again yet' })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Say what would be sent, send nothing',
      }) as never,
  handler: async ({ letters: names, reason, all, dryRun, ...argv }) => {
    const context = loadContext(argv)
    if (names.length === 0 && reason === undefined && !all) {
      context.err.write('thump: name letters, a --reason, or --all\n')
      process.exitCode = 2
      return
    }
    const letters = await readLetters(context)
    for (const name of names.filter((one) => !letters.some((letter) => isCalled(letter, one))))
      fail(context, `there is no dead letter ${name}`)
    const chosen = letters.filter(
      (one) => names.some((name) => isCalled(one, name)) || (!one.wasRetried && (all || one.reason === reason)),
    )
    const useful: DeadLetter[] = []
    for (const letter of chosen) {
      const why = whyNotRetry(letter)
      if (why === undefined) useful.push(letter)
      else context.err.write(`${letter.address} is left: ${why}\n`)
    }
    if (!dryRun && useful.length > 0) await sendAgain(context, useful)
    for (const letter of useful) context.out.write(`${toLine(letter)}\n`)
    context.err.write(
      `${useful.length} ${dryRun ? 'would be sent' : 'sent'} again, ${chosen.length - useful.length} left\n`,
    )
  },
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'dead-letters',
  describe: 'What the storage refused: list, show, retry',
  builder: (yargs) => yargs.command(list).command(show).command(retry).demandCommand(1) as never,
  handler: () => {},
}

/** Joining and leaving is of no interest to who asks a question. */
const depsOf = ({ log }: Context) => ({
  log: log.child({}, { level: 'warn' }),
  metrics: createMetrics(),
  now: systemClock,
})

async function readLetters(context: Context): Promise<DeadLetter[]> {
  const { value, stop } = await openTransport(context.config, depsOf(context), 'read')
  const limit = AbortSignal.timeout(patienceMs)
  try {
    return readDeadLetters(await readTopic(value, 'DEADLETTER', limit))
  } catch (cause) {
    if (limit.aborted) throw new UnavailableError(context.config.transport.kind, cause)
    throw cause
  } finally {
    await stop()
  }
}

/** Noted as sent only when they are: a letter may be sent twice, which its id makes harmless, and is never forgotten. */
async function sendAgain(context: Context, letters: readonly DeadLetter[]): Promise<void> {
  const shutdown = new Shutdown()
  try {
    const transport = shutdown.own('transport', await openTransport(context.config, depsOf(context), 'read'))
    const producer = shutdown.own('producer', await transport.createProducer())
    const limit = AbortSignal.timeout(patienceMs)
    const nowMs = systemClock()
    const { rejected } = await producer.send(
      letters.map((letter) => retryOf(letter, nowMs)),
      limit,
    )
    for (const { index, error } of rejected) fail(context, `${letters[index]?.address} was not taken: ${error}`)
    const refused = new Set(rejected.map(({ index }) => index))
    const notes = letters.filter((_, index) => !refused.has(index)).map((letter) => retriedNote(letter, nowMs))
    await producer.send(notes, limit)
  } finally {
    await shutdown.run(AbortSignal.timeout(15_000))
  }
}

function isCalled({ address, id }: DeadLetter, name: string): boolean {
  return address === name || id === name
}

function fail({ err }: Context, message: string): void {
  err.write(`thump: ${message}\n`)
  process.exitCode = 1
}

/** Whoever wrote the record may have put anything into it: nothing of it steers the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}

function toLine({ address, reason, error, id, wasRetried }: DeadLetter): string {
  const parts = [address, reason, id ?? '-', wasRetried ? '(sent again)' : '', error]
  return printable(parts.filter((part) => part !== '').join('  '))
}

function toJson({ value, ...letter }: DeadLetter): string {
  return JSON.stringify({ ...letter, value: value.toString('utf8'), valueBase64: value.toString('base64') })
}
