import type { CommandModule } from 'yargs'
import type { ThumpEvent } from '../event/event.ts'
import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { openStorage } from '../storage/open-storage.ts'
import { matchesQuery } from '../storage/query/matches.ts'
import { formatQueryError, parseQuery } from '../storage/query/parse.ts'
import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch, TimeRange } from '../storage/storage.ts'
import { openTransport } from '../transport/open-transport.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { followEvents } from './follow.ts'
import { formatEvent } from './format-event.ts'
import { asksForBackground, attributed, isNews, withoutBackground } from './event-view.ts'
import { parseWhen } from './when.ts'

interface EventsArgs extends GlobalArgs {
  readonly query?: string
  readonly since: string
  readonly until?: string
  readonly follow: boolean
  readonly limit: number
  readonly output: 'text' | 'json'
  readonly utc: boolean
  readonly all: boolean
}

export const command: CommandModule<GlobalArgs, EventsArgs> = {
  command: 'events [query]',
  describe: 'Search what is stored, or follow live',
  builder: (yargs) =>
    yargs
      .positional('query', { type: 'string', describe: 'What to look for; all where absent' })
      .option('since', { type: 'string', default: '1h', describe: 'From when: 15m, 2h, 7d ago, or 2026-11-24T10:00' })
      .option('until', { type: 'string', describe: 'Until when, the same way; default: now' })
      .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'Go on with what arrives' })
      .option('limit', { alias: 'n', type: 'number', default: 100, describe: 'The newest so many' })
      .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'json: one a line' })
      .option('all', {
        type: 'boolean',
        default: false,
        describe: "Also Thump's own queues, connections and probes, and each piece of evidence by itself",
      })
      .option('utc', { type: 'boolean', default: false, describe: 'Times in UTC, not in the configured zone' })
      .example('$0 events', 'the last hour')
      .example("$0 events 'amqp.operation: queue.delete and user.name: app'", 'which queues app deleted')
      .example("$0 events --since 7d 'login.failure or log.level: error'", 'failed logins and errors of a week')
      .example('$0 events --follow --output json | jq .message', 'live, for programs') as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const parsed = parseQuery(argv.query ?? '')
    if (!parsed.ok) {
      context.err.write(`${formatQueryError(argv.query ?? '', parsed.error)}\n`)
      process.exitCode = 2
      return
    }
    const range = rangeOf(argv, context)
    if (!range) return
    const print = printer(argv, context)
    const query = argv.all ? parsed.query : withoutBackground(parsed.query)
    const deps = { log: context.log, metrics: createMetrics(), now: systemClock }
    const shutdown = new Shutdown()
    try {
      const { search } = shutdown.own('storage', await openStorage(context.config, deps, 'read'))
      const found = await newest(search, query, range, argv.limit)
      for (const event of argv.all ? found : await attributed(search, found)) print(event)
      const live = argv.all || asksForBackground(parsed.query) ? print : newsOnly(print)
      const shown = new Set(found.map(({ event }) => event.id))
      if (argv.follow) await follow(context, parsed.query, shutdown, live, shown)
      else if (found.length === 0) await explainEmptiness(search, range, context)
    } finally {
      await shutdown.run(AbortSignal.timeout(5000))
    }
  },
}

function rangeOf({ since, until }: EventsArgs, { err }: Context): Required<TimeRange> | undefined {
  const nowMs = systemClock()
  const sinceMs = parseWhen(since, nowMs)
  const untilMs = until === undefined ? nowMs + 60_000 : parseWhen(until, nowMs)
  if (sinceMs !== undefined && untilMs !== undefined) return { sinceMs, untilMs }
  const [option, value] = sinceMs === undefined ? ['--since', since] : ['--until', until ?? '']
  err.write(`thump: ${option} ${value} is no time; write it as 15m, 2h, 7d, 2026-11-24 or 2026-11-24T10:00:00+09:00\n`)
  process.exitCode = 2
  return undefined
}

function printer({ output, utc }: EventsArgs, { out, colour, config, isTty }: Context): (event: ThumpEvent) => void {
  if (output === 'json') return (event) => void out.write(`${JSON.stringify(event)}\n`)
  const timezone = utc ? 'UTC' : (config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  return (event) => {
    const columns = isTty ? process.stdout.columns : undefined
    out.write(`${formatEvent(event, { colour, timezone, columns })}\n`)
  }
}

function newsOnly(print: (event: ThumpEvent) => void): (event: ThumpEvent) => void {
  return (event) => {
    if (isNews(event)) print(event)
  }
}

/** The newest `limit`, oldest first. */
async function newest(search: EventSearch, query: QueryNode, range: TimeRange, limit: number): Promise<ThumpEvent[]> {
  const found: ThumpEvent[] = []
  let after: string | undefined
  const patience = AbortSignal.timeout(60_000)
  do {
    const request = { ...range, query, sort: 'desc', limit: Math.min(1000, limit - found.length) } as const
    const page = await search.search({ ...request, ...(after !== undefined && { after }) }, patience)
    found.push(...page.events)
    after = page.next
  } while (after !== undefined && found.length < limit)
  return found.reverse()
}

/** Until Ctrl-C; what the search has shown already is not shown twice. */
async function follow(
  context: Context,
  query: QueryNode,
  shutdown: Shutdown,
  print: (event: ThumpEvent) => void,
  shown: Set<string>,
): Promise<void> {
  const deps = { log: context.log, metrics: createMetrics(), now: systemClock }
  const transport = shutdown.own('transport', await openTransport(context.config, deps, 'read'))
  let count = 0
  const onEvent = (event: ThumpEvent) => {
    if (shown.delete(event.event.id) || !matchesQuery(query, event)) return
    count++
    print(event)
  }
  const role = `events-${process.pid}`
  const topics = ['APP', 'AMQP', 'METRIC', 'THUMP'] as const
  const startedMs = systemClock()
  shutdown.own('follow', await followEvents({ transport, topics, role, onEvent }))
  await new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve())
    context.out.once('error', () => resolve())
  })
  context.err.write(`\n${count} events in ${Math.round((systemClock() - startedMs) / 1000)} s\n`)
}

/** Why there is nothing, and what to try. */
async function explainEmptiness(
  search: EventSearch,
  range: Required<TimeRange>,
  { err, config }: Context,
): Promise<void> {
  const signal = AbortSignal.timeout(30_000)
  const within = await search.count({ kind: 'all' }, range, signal)
  const ever = within > 0 ? within : await search.count({ kind: 'all' }, {}, signal)
  const why =
    within > 0
      ? `none of the ${within} events in this time matches; try fewer conditions`
      : ever > 0
        ? `nothing in this time, but ${ever} events outside of it; try --since 7d`
        : `nothing is stored in ${config.storage.kind === 'sqlite' ? config.dataDir : 'Elasticsearch'} yet; is thump up, or the forwarder, running with the same --config?`
  err.write(`no events: ${why}\n`)
}
