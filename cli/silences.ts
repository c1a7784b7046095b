import type { CommandModule } from 'yargs'
import { zonedTime } from '../alerting/notify/times.ts'
import { parseDuration } from '../runtime/config/units.ts'
import { me, open, withApi } from './alerts.ts'
import type { Context, GlobalArgs } from './context.ts'
import { alertLine, type ListedAlert } from './format-alert.ts'
import { printable } from './format-event.ts'

interface ApiArgs extends GlobalArgs {
  readonly url?: string
  readonly output: 'text' | 'json'
}

interface AddArgs extends ApiArgs {
  readonly matchers: readonly string[]
  readonly for?: string
  readonly start?: string
  readonly end?: string
  readonly author: string
  readonly comment: string
  readonly dryRun: boolean
}

interface ListedSilence {
  readonly id: string
  readonly state: string
  readonly matchers: readonly string[]
  readonly startsAt: string
  readonly endsAt: string
  readonly author: string
  readonly comment: string
}

const add: CommandModule<GlobalArgs, AddArgs> = {
  command: 'add <matchers..>',
  describe: 'Keep alerts quiet for a while; all matchers must hold. What still fires afterwards is told then',
  builder: (yargs) =>
    withApi(yargs)
      .positional('matchers', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'rule=x, severity!=critical, vhost=~dev-.*, or any field of the alert',
      })
      .option('for', { type: 'string', describe: 'How long: 30m, 2h, 7d' })
      .option('start', {
        type: 'string',
        describe: 'From when: 2026-11-24T22:00+09:00, or 30m from now (default: now)',
      })
      .option('end', { type: 'string', describe: 'Until when, instead of --for' })
      .option('author', { type: 'string', default: me(), defaultDescription: 'you', describe: 'Who wants it' })
      .option('comment', { alias: 'c', type: 'string', demandOption: true, describe: 'Why, for the others' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Only show what it would keep quiet now' })
      .example("$0 silences add rule=queue-deleted --for 2h -c 'moving queues'", 'one rule for two hours')
      .example("$0 silences add 'vhost=~dev-.*' --for 8h -c 'load test' --dry-run", 'look first') as never,
  handler: async (argv) => {
    const { context, api, timezone } = open(argv)
    const request = requestOf(argv, context)
    if (!request) return
    const answer = await api.ask<{ silence?: ListedSilence; silenced: { total: number; alerts: ListedAlert[] } }>(
      'POST',
      'silences',
      request,
    )
    const { out } = context
    if (argv.output === 'json') return void out.write(`${JSON.stringify(answer, undefined, 2)}\n`)
    if (answer.silence) out.write(`${silenceLine(answer.silence, timezone)}\n`)
    const { total, alerts } = answer.silenced
    const word = argv.dryRun ? 'it would keep' : 'it keeps'
    out.write(
      `${word} ${total} firing ${total === 1 ? 'alert' : 'alerts'} quiet${total > alerts.length ? `; ${alerts.length} of them` : ''}\n`,
    )
    for (const alert of alerts) out.write(`  ${alertLine(alert, { ...context, timezone })}\n`)
  },
}

function requestOf(argv: AddArgs, { err }: Context): object | undefined {
  const { matchers, author, comment, dryRun } = argv
  const fail = (text: string) => {
    err.write(`thump: ${text}\n`)
    process.exitCode = 2
    return undefined
  }
  if ((argv.for === undefined) === (argv.end === undefined)) return fail('give either --for 2h or --end TIME')
  if (argv.for !== undefined && parseDuration(argv.for) === undefined)
    return fail(`--for ${argv.for} is no duration; write it as 30m, 2h or 7d`)
  const times: Record<string, string> = {}
  for (const [option, name] of [
    ['start', 'startsAt'],
    ['end', 'endsAt'],
  ] as const) {
    const text = argv[option]
    if (text === undefined) continue
    const atMs = inFuture(text, Date.now())
    if (atMs === undefined) return fail(`--${option} ${text} is no time; write it as 2026-11-24T22:00:00+09:00 or 30m`)
    times[name] = new Date(atMs).toISOString()
  }
  return { matchers, author, comment, dryRun, ...times, ...(argv.for !== undefined && { for: argv.for }) }
}

function inFuture(text: string, nowMs: number): number | undefined {
  const ms = parseDuration(text)
  if (ms !== undefined) return nowMs + ms
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : atMs
}

interface ListArgs extends ApiArgs {
  readonly all: boolean
}

const list: CommandModule<GlobalArgs, ListArgs> = {
  command: 'list',
  describe: 'Silences that hold or are to come; --all: those that have ended as well',
  builder: (yargs) =>
    withApi(yargs).option('all', {
      alias: 'a',
      type: 'boolean',
      default: false,
      describe: 'Ended ones as well',
    }) as never,
  handler: async (argv) => {
    const { context, api, timezone } = open(argv)
    const { silences } = await api.ask<{ silences: ListedSilence[] }>('GET', `silences?all=${argv.all}`)
    if (argv.output === 'json') return void context.out.write(`${JSON.stringify(silences, undefined, 2)}\n`)
    for (const silence of silences) context.out.write(`${silenceLine(silence, timezone)}\n`)
    if (silences.length === 0) context.err.write('no silences\n')
  },
}

interface ExpireArgs extends ApiArgs {
  readonly id: string
  readonly by: string
}

const expire: CommandModule<GlobalArgs, ExpireArgs> = {
  command: 'expire <id>',
  describe: 'End a silence now; what it kept quiet and still fires is told',
  builder: (yargs) =>
    withApi(yargs)
      .positional('id', { type: 'string', demandOption: true, describe: 'The id of the silence' })
      .option('by', { type: 'string', default: me(), defaultDescription: 'you', describe: 'Who ends it' }) as never,
  handler: async (argv) => {
    const { context, api, timezone } = open(argv)
    const path = `silences/${encodeURIComponent(argv.id)}?by=${encodeURIComponent(argv.by)}`
    const { silence } = await api.ask<{ silence: ListedSilence }>('DELETE', path)
    if (argv.output === 'json') context.out.write(`${JSON.stringify(silence, undefined, 2)}\n`)
    else context.out.write(`${silenceLine(silence, timezone)}\n`)
  },
}

function silenceLine(
  { id, state, matchers, startsAt, endsAt, author, comment }: ListedSilence,
  timezone: string,
): string {
  const at = (text: string) => zonedTime(Date.parse(text), timezone)
  const why = comment === '' ? '' : `: ${comment}`
  const from = state === 'pending' ? `from ${at(startsAt)} ` : ''
  return `${id}  ${state.padEnd(7)}  ${from}until ${at(endsAt)}  ${printable(`${matchers.join(' ')}  by ${author}${why}`)}`
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'silences <action>',
  describe: 'Keep alerts quiet for a while: add, list, expire',
  builder: (yargs) =>
    yargs.command(add).command(list).command(expire).demandCommand(1, 'Name an action: add, list or expire') as never,
  handler: () => {},
}
