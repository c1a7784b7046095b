import { userInfo } from 'node:os'
import type { Argv, CommandModule } from 'yargs'
import { type AlerterApi, alerterApi } from './alerter-api.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { alertDetailText, alertLine, type ListedAlert } from './format-alert.ts'

interface ApiArgs extends GlobalArgs {
  readonly url?: string
  readonly output: 'text' | 'json'
}

interface ListArgs extends ApiArgs {
  readonly match?: readonly string[]
  readonly all: boolean
  readonly limit: number
}

interface ShowArgs extends ApiArgs {
  readonly id: string
}

interface DeedArgs extends ShowArgs {
  readonly by: string
  readonly comment: string
}

/** Options of every verb that talks to a running alerter. */
export function withApi<T extends GlobalArgs>(yargs: Argv<T>) {
  return yargs
    .option('url', { type: 'string', describe: 'Where the alerter listens (default: alerting.listen)' })
    .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'How to print' })
}

/** Who does it, as far as this machine knows. */
export function me(): string {
  return process.env['SUDO_USER'] ?? userInfo().username
}

export function open(argv: ApiArgs): { context: Context; api: AlerterApi; timezone: string } {
  const context = loadContext(argv)
  const timezone = context.config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  return { context, api: alerterApi(context, argv.url), timezone }
}

const list: CommandModule<GlobalArgs, ListArgs> = {
  command: 'list',
  describe: 'What fires, newest change first; --all: what has ended as well',
  builder: (yargs) =>
    withApi(yargs)
      .option('match', { alias: 'm', type: 'string', array: true, nargs: 1, describe: 'Only such: severity=critical' })
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'Resolved ones as well' })
      .option('limit', { alias: 'n', type: 'number', default: 100, describe: 'At most so many' })
      .example('$0 alerts list', 'what fires')
      .example("$0 alerts list -m severity=critical -m 'rabbitmq.queue=~order\\..*'", 'of it, what is urgent') as never,
  handler: async (argv) => {
    const { context, api, timezone } = open(argv)
    const query = new URLSearchParams({ limit: String(argv.limit), ...(!argv.all && { state: 'firing' }) })
    for (const text of argv.match ?? []) query.append('match', text)
    const { alerts } = await api.ask<{ alerts: ListedAlert[] }>('GET', `alerts?${query.toString()}`)
    if (argv.output === 'json') return void context.out.write(`${JSON.stringify(alerts, undefined, 2)}\n`)
    for (const alert of alerts) context.out.write(`${alertLine(alert, { ...context, timezone })}\n`)
    if (alerts.length === 0) context.err.write(argv.all ? 'no alerts\n' : 'nothing fires\n')
  },
}

const show: CommandModule<GlobalArgs, ShowArgs> = {
  command: 'show <id>',
  describe: 'All about one alert: what, where, who did it, its events, who was told when',
  builder: (yargs) => withApi(withId(yargs)) as never,
  handler: async (argv) => {
    const { context, api, timezone } = open(argv)
    const { alert } = await api.ask<{ alert: ListedAlert }>('GET', `alerts/${encodeURIComponent(argv.id)}`)
    if (argv.output === 'json') context.out.write(`${JSON.stringify(alert, undefined, 2)}\n`)
    else context.out.write(alertDetailText(alert, { ...context, timezone }))
  },
}

const ack = deed('ack', 'Take an alert: nobody is reminded of it and nothing escalates', 'acknowledged')
const resolve = deed('resolve', 'End an alert by hand; its key begins anew with its next event', 'ended')

function deed(verb: 'ack' | 'resolve', describe: string, done: string): CommandModule<GlobalArgs, DeedArgs> {
  return {
    command: `${verb} <id>`,
    describe,
    builder: (yargs) =>
      withApi(withId(yargs))
        .option('by', { type: 'string', default: me(), defaultDescription: 'you', describe: 'Who does it' })
        .option('comment', { alias: 'c', type: 'string', default: '', describe: 'Why, for the others' }) as never,
    handler: async (argv) => {
      const { context, api, timezone } = open(argv)
      const { by, comment } = argv
      const path = `alerts/${encodeURIComponent(argv.id)}/${verb}`
      const { alert } = await api.ask<{ alert: ListedAlert }>('POST', path, { by, comment })
      if (argv.output === 'json') context.out.write(`${JSON.stringify(alert, undefined, 2)}\n`)
      else context.out.write(`${done}: ${alertLine(alert, { ...context, timezone })}\n`)
    },
  }
}

function withId<T>(yargs: Argv<T>) {
  return yargs.positional('id', {
    type: 'string',
    demandOption: true,
    describe: 'The id as thump alerts list shows it, or its first characters',
  })
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'alerts <action>',
  describe: 'What fires, and what is done about it: list, show, ack, resolve',
  builder: (yargs) =>
    yargs
      .command(list)
      .command(show)
      .command(ack)
      .command(resolve)
      .demandCommand(1, 'Name an action: list, show, ack or resolve') as never,
  handler: () => {},
}
