import type { CommandModule } from 'yargs'
import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { openStorage } from '../storage/open-storage.ts'
import { formatQueryError, parseQuery } from '../storage/query/parse.ts'
import type { QueryNode } from '../storage/query/query.ts'
import type { EventSearch, RelatedPage, TimeRange } from '../storage/storage.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { createEventPrinter } from './event-printer.ts'
import { attributed, withoutBackground } from './event-view.ts'
import { printHistogram, printTop } from './events-figures.ts'
import { followLive } from './events-follow.ts'
import { newest, newestOf } from './newest.ts'
import { count } from './progress.ts'
import { parseWhen } from './when.ts'

interface EventsArgs extends GlobalArgs {
  readonly query?: string
  readonly since: string
  readonly until?: string
  readonly follow: boolean
  readonly limit: number
  readonly related?: string
  readonly top?: string
  readonly histogram: boolean
  readonly output: 'text' | 'json'
  readonly utc: boolean
  readonly all: boolean
}

const maxLimit = 1_000_000

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
      .option('related', {
        type: 'string',
        describe: 'What happened around the event of this id: its connection, else its queue',
      })
      .option('top', { type: 'string', describe: "A field's most frequent values instead of events" })
      .option('histogram', { type: 'boolean', default: false, describe: 'How many over time instead of events' })
      .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'json: one a line' })
      .option('all', {
        type: 'boolean',
        default: false,
        describe: "Also Thump's own queues, connections and probes, and each piece of evidence by itself",
      })
      .option('utc', { type: 'boolean', default: false, describe: 'Times in UTC, not in the configured zone' })
      .example('$0 events', 'the last hour')
      .example("$0 events 'amqp.operation: queue.delete and user.name: app'", 'which queues app deleted')
      .example("$0 events --since 7d 'event.outcome: failure or log.level: error'", 'failures and errors of a week')
      .example('$0 events --top user.name --since 1d', 'who did most')
      .example('$0 events --follow --output json | jq .message', 'live, for programs')
      .epilogue('The language of queries: docs/search.md. A slip is answered with what to write instead.') as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const parsed = parseQuery(argv.query ?? '')
    const range = rangeOf(argv)
    const wrong = problemOf(argv) ?? (typeof range === 'string' ? range : undefined)
    if (!parsed.ok || wrong !== undefined || typeof range === 'string') {
      context.err.write(`${parsed.ok ? `thump: ${wrong}` : formatQueryError(argv.query ?? '', parsed.error)}\n`)
      process.exitCode = 2
      return
    }
    const deps = { log: context.log, metrics: createMetrics(), now: systemClock }
    const shutdown = new Shutdown()
    try {
      const { search } = shutdown.own('storage', await openStorage(context.config, deps, 'read'))
      const query = argv.all ? parsed.query : withoutBackground(parsed.query)
      await answer({ argv, context, search, range, query, asked: parsed.query, shutdown })
    } finally {
      await shutdown.run(AbortSignal.timeout(5000))
    }
  },
}

interface Question {
  readonly argv: EventsArgs
  readonly context: Context
  readonly search: EventSearch
  readonly range: Required<TimeRange>
  /** Without what is hidden. */
  readonly query: QueryNode
  /** As it was written. */
  readonly asked: QueryNode
  readonly shutdown: Shutdown
}

async function answer(question: Question): Promise<void> {
  const { argv, context, search, range, query } = question
  const { output, utc } = argv
  if (argv.top !== undefined) return await printTop(argv.top, argv.limit, { search, query, range, output }, context)
  const zone = utc ? 'UTC' : (context.config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  if (argv.histogram) return await printHistogram({ search, query, range, output }, context, zone)
  if (argv.follow)
    return await followLive({
      ...argv,
      context,
      search,
      range,
      query,
      asked: question.asked,
      shutdown: question.shutdown,
    })
  const found =
    argv.related === undefined
      ? { ...(await newest(search, query, range, argv.limit)), query, range }
      : await newestAround(argv.related, question)
  if (!found) return
  const print = createEventPrinter({ output, utc, nowMs: systemClock() }, context)
  for (const event of argv.all ? found.events : await attributed(search, found.events)) print(event)
  if (found.events.length === 0) await explainEmptiness(question, found.range)
  else if (found.hasMore && output === 'text' && context.isTty) {
    const all = await search.count(found.query, found.range, AbortSignal.timeout(60_000))
    context.err.write(`the newest ${count(found.events.length)} of ${count(all)}; for more: --limit, or thump export\n`)
  }
}

function problemOf({ limit, related, query, follow, until, top, histogram }: EventsArgs): string | undefined {
  const instead = Object.entries({ related, top, histogram: histogram || undefined, until: follow ? until : undefined })
  const [first, second] = instead.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]))
  if (first !== undefined && (follow || second !== undefined))
    return `${first} and ${follow ? '--follow' : second} do not go together`
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    return `--limit is a whole number from 1 to ${count(maxLimit)}; for more there is thump export`
  if (related !== undefined && query !== undefined) return '--related takes no query: it asks its own'
  return undefined
}

function rangeOf({ since, until }: EventsArgs): Required<TimeRange> | string {
  const nowMs = systemClock()
  const sinceMs = parseWhen(since, nowMs)
  const untilMs = until === undefined ? nowMs + 60_000 : parseWhen(until, nowMs)
  if (sinceMs === undefined || untilMs === undefined) {
    const [option, value] = sinceMs === undefined ? ['--since', since] : ['--until', until ?? '']
    return `${option} ${value} is no time; write it as 15m, 2h, 7d, 2026-11-24 or 2026-11-24T10:00:00+09:00`
  }
  return sinceMs < untilMs ? { sinceMs, untilMs } : `--since ${since} is not before --until ${until ?? 'now'}`
}

/** What happened around the event of that id, and what was asked for it. */
async function newestAround(id: string, { search, context, argv }: Question) {
  let last: RelatedPage | undefined
  const found = await newestOf(async (page, signal) => {
    last = await search.related({ ...page, id }, signal)
    return last.kind === 'found' ? last : { events: [] }
  }, argv.limit)
  if (last?.kind === 'found') return { ...found, query: last.query, range: last.range }
  const why = last?.kind === 'nothing-shared' ? 'names no connection, queue or user' : 'is not stored'
  context.err.write(`thump: the event ${id} ${why}; ids are shown by: thump events --output json\n`)
  process.exitCode = 1
  return undefined
}

/** Why there is nothing, and what to try. */
async function explainEmptiness(
  { search, context: { err, config }, asked }: Question,
  range: Required<TimeRange>,
): Promise<void> {
  const signal = AbortSignal.timeout(30_000)
  const within = await search.count({ kind: 'all' }, range, signal)
  const ever = within > 0 ? within : await search.count({ kind: 'all' }, {}, signal)
  const why =
    within > 0
      ? asked.kind === 'all'
        ? `only Thump's own doings in this time (${count(within)}); --all shows them`
        : `none of the ${count(within)} events in this time matches; try fewer conditions`
      : ever > 0
        ? `nothing in this time, but ${count(ever)} events outside of it; try --since 7d`
        : `nothing is stored in ${config.storage.kind === 'sqlite' ? config.dataDir : 'Elasticsearch'} yet; is thump up, or the forwarder, running with the same --config?`
  err.write(`no events: ${why}\n`)
}
