import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import { type ExportFormat, exportFormats } from '../storage/export/day-file.ts'
import { type DayResult, exportDays } from '../storage/export/export-days.ts'
import { openStorage } from '../storage/open-storage.ts'
import { formatQueryError, parseQuery } from '../storage/query/parse.ts'
import { openTransport } from '../transport/open-transport.ts'
import { type Deed, doer, recordDeed } from './audit.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { daysBetween } from './export-days.ts'
import { onInterrupt } from './interrupt.ts'
import { count, createProgress } from './progress.ts'

interface ExportArgs extends GlobalArgs {
  readonly query?: string
  readonly from: string
  readonly to?: string
  readonly format: ExportFormat
  readonly out: string
  readonly reason: string
  readonly force: boolean
}

export const command: CommandModule<GlobalArgs, ExportArgs> = {
  command: 'export [query]',
  describe: 'Write stored events into files, one a UTC day',
  builder: (yargs) =>
    yargs
      .positional('query', { type: 'string', describe: 'Only what matches, as in thump events; all where absent' })
      .option('from', { type: 'string', demandOption: true, describe: 'First day: 2026-11-01, yesterday, 7d (ago)' })
      .option('to', { type: 'string', describe: 'Last day, included; default: yesterday, the last that is over' })
      .option('format', { choices: exportFormats, default: 'ndjson' as const, describe: 'csv for spreadsheets' })
      .option('out', { type: 'string', demandOption: true, describe: 'Folder: day=2026-11-24/events.csv and so on' })
      .option('reason', { type: 'string', demandOption: true, describe: 'Why: it is recorded with your name' })
      .option('force', { type: 'boolean', default: false, describe: 'Write also days that are there already' })
      .example("$0 export --from 7d --out /srv/mq --reason 'weekly archive'", 'seven days, one JSON a line')
      .example(
        "$0 export 'user.name: eve' --from 2026-11-01 --to 2026-11-24 --format csv --out eve --reason SEC-41",
        'what eve did, for a spreadsheet',
      )
      .epilogue(
        "The same day exported twice gives the same bytes. A run that was broken off goes on when started again: days that\nare whole and hold as many events as the storage are left as they are. Each export is an event: thump events 'event.action: export.*'",
      ) as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const parsed = parseQuery(argv.query ?? '')
    const days = daysBetween(argv.from, argv.to, systemClock())
    const problem = !parsed.ok
      ? formatQueryError(argv.query ?? '', parsed.error)
      : typeof days === 'string'
        ? `thump: ${days}`
        : argv.reason.trim() === ''
          ? 'thump: --reason is empty; say why, such as a ticket: it is recorded with the export'
          : undefined
    if (!parsed.ok || typeof days === 'string' || problem !== undefined) {
      context.err.write(`${problem}\n`)
      process.exitCode = 2
      return
    }
    const { format, force } = argv
    const [queryText, out] = [argv.query ?? '', resolve(argv.out)]
    await run(context, { days, query: parsed.query, queryText, format, out, isForced: force }, argv.reason.trim())
  },
}

type Request = Parameters<typeof exportDays>[0]
type Step = [day: string, events: number, total: number]

async function run(context: Context, request: Request, reason: string): Promise<void> {
  const deps = { log: context.log, metrics: createMetrics(), now: systemClock }
  const shutdown = new Shutdown()
  const stopping = onInterrupt(() => context.err.write('\nstopping; the same command goes on from here\n'))
  try {
    const { search } = shutdown.own('storage', await openStorage(context.config, deps, 'read'))
    const transport = shutdown.own('transport', await openTransport(context.config, deps, 'read'))
    const producer = shutdown.own('producer', await transport.createProducer())
    const record = (deed: Deed) => recordDeed(producer, deed, systemClock)
    // Nothing leaves before it is known who took it and why.
    await record(deedOf('export.started', request, reason))
    const progress = createProgress(context)
    const exporting = { search, nowMs: systemClock(), onProgress: (...step: Step) => progress.show(...step) }
    const done: DayResult[] = []
    for await (const result of exportDays(request, exporting, stopping.signal)) {
      done.push(result)
      progress.line(sentenceOf(result))
    }
    const isFailed = done.some(({ kind }) => kind === 'failed')
    await record(deedOf('export.finished', request, reason, done))
    context.err.write(`${summaryOf(done, request.out)}\n`)
    if (isFailed) process.exitCode = 1
  } catch (error) {
    if (!stopping.signal.aborted) throw error
    process.exitCode = 1
  } finally {
    stopping.forget()
    await shutdown.run(AbortSignal.timeout(10_000))
  }
}

function sentenceOf(result: DayResult): string {
  switch (result.kind) {
    case 'empty':
      return `${result.day}  no events`
    case 'failed':
      return `${result.day}  failed: ${result.error instanceof Error ? result.error.message : String(result.error)}`
    default: {
      const { events, bytes, isWhole } = result.manifest
      const size = `${count(events)} events, ${count(Math.ceil(bytes / 1024))} KiB`
      const state = result.kind === 'unchanged' ? ', there already' : isWhole ? '' : ', the day is not over yet'
      return `${result.day}  ${size}${state}`
    }
  }
}

function eventsIn(done: readonly DayResult[]): number {
  return done.reduce((sum, result) => sum + ('manifest' in result ? result.manifest.events : 0), 0)
}

function summaryOf(done: readonly DayResult[], out: string): string {
  const failed = done.filter(({ kind }) => kind === 'failed').length
  const days = `${done.length} ${done.length === 1 ? 'day' : 'days'}`
  return `${count(eventsIn(done))} events of ${days} in ${out}${failed > 0 ? `; ${failed} failed: run it again` : ''}`
}

function deedOf(
  action: 'export.started' | 'export.finished',
  { days, queryText, format, out }: Request,
  reason: string,
  done?: readonly DayResult[],
): Deed {
  const [from = '', to = ''] = [days[0], days.at(-1)]
  const failed = done?.filter(({ kind }) => kind === 'failed').length ?? 0
  const what = `events of ${from} to ${to}${queryText === '' ? '' : ` matching ${queryText}`}`
  const whose = `${action === 'export.started' ? 'export begun' : 'export ended'} by ${doer()}`
  return {
    action,
    message: `${whose}: ${what} as ${format} into ${out}: ${reason}`,
    ...(done && { outcome: failed > 0 ? 'failure' : 'success' }),
    fields: {
      export: {
        from,
        to,
        query: queryText,
        format,
        dir: out,
        reason,
        ...(done && { events: eventsIn(done), failed_days: failed }),
      },
    },
  }
}
