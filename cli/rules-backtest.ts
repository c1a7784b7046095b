import { existsSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import type { Backtest, BacktestRequest } from '../alerting/backtest/backtest.ts'
import type { Rule } from '../alerting/rules/rule.ts'
import { systemClock } from '../runtime/clock.ts'
import { formatProblem } from '../runtime/errors.ts'
import { createMetrics } from '../runtime/metrics.ts'
import type { Started } from '../runtime/shutdown.ts'
import type { Storage } from '../storage/storage.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { parseWhen } from './when.ts'

interface BacktestArgs extends GlobalArgs {
  readonly files?: readonly string[] | undefined
  readonly since: string
  readonly until: string
  readonly file?: readonly string[] | undefined
  readonly rule?: readonly string[] | undefined
  readonly output: 'text' | 'json'
}

/** What the rules would have told, from what is stored or from a file. */
export const command: CommandModule<GlobalArgs, BacktestArgs> = {
  command: 'backtest [files..]',
  describe: 'What rules would have told, over stored events or a file; against the rules that run',
  builder: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'Rule files or globs (default: alerting.rules)' })
      .option('since', { type: 'string', default: '7d', describe: 'From when: 2h, 7d ago, or 2026-11-24T10:00' })
      .option('until', { type: 'string', default: 'now', describe: 'Until when, the same way' })
      .option('file', {
        type: 'string',
        array: true,
        describe: 'Events from files of one JSON object a line (.gz too, - is standard input), not from storage',
      })
      .option('rule', { type: 'string', array: true, describe: 'Only these rules, by id' })
      .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'How to print' })
      .example('$0 rules backtest --since 7d', 'the configured rules over a week')
      .example('$0 rules backtest new.yaml --rule brute-force', 'an edit against the rule that runs')
      .example('$0 rules backtest --file events.ndjson', 'what thump events --output json has written') as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const paths = argv.files && argv.files.length > 0 ? argv.files : undefined
    const range = rangeOf(argv, context)
    const rules = range && (await rulesToTest(argv, paths, context))
    if (!rules) return
    const missing = (argv.file ?? []).filter((path) => path !== '-' && !existsSync(path))
    if (missing.length > 0) {
      context.err.write(`thump: no such file: ${missing.join(', ')}\n`)
      process.exitCode = 2
      return
    }
    await run(argv, context, { rules, paths, range })
  },
}

async function run(
  argv: BacktestArgs,
  context: Context,
  { rules, paths, range }: { rules: readonly Rule[]; paths: readonly string[] | undefined; range: Range },
): Promise<void> {
  const { config, out } = context
  const { backtest } = await import('../alerting/backtest/backtest.ts')
  const { fromFiles, fromStorage } = await import('../alerting/backtest/recorded.ts')
  const { runningRules } = await import('../alerting/backtest/running-rules.ts')
  const { backtestJson, printBacktest } = await import('../alerting/backtest/print-backtest.ts')
  const timezone = config.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  const all = runningRules(config, rules, paths)
  const wanted = argv.rule && new Set(argv.rule)
  const running = all?.rules.filter(({ id }) => !wanted || wanted.has(id))
  const storage = argv.file ? undefined : await openForReading(context)
  const startedMs = performance.now()
  const progress = progressOf(context)
  try {
    const shared: Omit<BacktestRequest, 'recording'> = {
      rules,
      running,
      nowMs: systemClock(),
      timezone,
      allowedLatenessMs: config.alerting.allowedLateness,
      onProgress: progress.show,
    }
    const result: Backtest = storage
      ? await backtest({ ...shared, range, recording: fromStorage(storage.value.search, range) })
      : await backtest({ ...shared, recording: fromFiles(argv.file ?? []) })
    progress.clear()
    const comparedWith = all?.from ?? 'nothing to compare with: no alerter has run with this dataDir'
    out.write(
      argv.output === 'json'
        ? `${JSON.stringify(backtestJson(result, { comparedWith }), null, 2)}\n`
        : printBacktest(result, { timezone, comparedWith, tookMs: performance.now() - startedMs }),
    )
    if (result.events === 0) context.err.write(emptiness(argv, context))
  } finally {
    await storage?.stop()
  }
}

type Range = { readonly sinceMs: number; readonly untilMs: number }

function rangeOf({ since, until }: BacktestArgs, { err }: Context): Range | undefined {
  const nowMs = systemClock()
  const sinceMs = parseWhen(since, nowMs)
  const untilMs = parseWhen(until, nowMs)
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs < untilMs) return { sinceMs, untilMs }
  err.write(
    sinceMs !== undefined && untilMs !== undefined
      ? `thump: --since ${since} is not before --until ${until}\n`
      : `thump: ${sinceMs === undefined ? `--since ${since}` : `--until ${until}`} is no time; write it as 2h, 7d or 2026-11-24T10:00\n`,
  )
  process.exitCode = 2
  return undefined
}

/** Undefined, with the reason told, where the files have an error or a rule is not there. */
async function rulesToTest(
  argv: BacktestArgs,
  paths: readonly string[] | undefined,
  { config, err }: Context,
): Promise<readonly Rule[] | undefined> {
  const { checkRuleFiles } = await import('../alerting/check-files.ts')
  const { readRuleFiles } = await import('../alerting/rule-files.ts')
  const errors = checkRuleFiles(config, paths).filter(({ severity }) => severity === 'error')
  const all = readRuleFiles(config.alerting, config.timezone, { paths }).files.flatMap(({ parsed }) => parsed.rules)
  const rules = argv.rule ? all.filter(({ id }) => argv.rule?.includes(id)) : all
  for (const problem of errors) err.write(`${formatProblem(problem)}\n`)
  const unknown = (argv.rule ?? []).filter((id) => !all.some((rule) => rule.id === id))
  for (const id of unknown) err.write(`thump: no rule "${id}"; known: ${all.map((rule) => rule.id).join(', ')}\n`)
  if (errors.length === 0 && unknown.length === 0 && rules.length > 0) return rules
  if (errors.length === 0 && unknown.length === 0) err.write('thump: there is no rule to test\n')
  process.exitCode = 1
  return undefined
}

async function openForReading({ config, log }: Context): Promise<Started<Storage>> {
  const { openStorage } = await import('../storage/open-storage.ts')
  return openStorage(config, { log, metrics: createMetrics(), now: systemClock }, 'read')
}

const progressEveryMs = 500

/** One line on a terminal that tells how far it is. */
function progressOf({ err }: Context): { show: (events: number, atMs: number) => void; clear: () => void } {
  const isTerminal = process.stderr.isTTY === true
  let shownMs = performance.now()
  let hasShown = false
  return {
    show(events, atMs) {
      if (!isTerminal || performance.now() - shownMs < progressEveryMs) return
      shownMs = performance.now()
      hasShown = true
      err.write(`\r${events} events, up to ${new Date(atMs).toISOString().slice(0, 16)}Z `)
    },
    clear() {
      if (hasShown) err.write('\r\u001b[K')
    },
  }
}

function emptiness({ file, since }: BacktestArgs, { config }: Context): string {
  if (file) return 'no event in the given files\n'
  const where = config.storage.kind === 'sqlite' ? config.dataDir : 'Elasticsearch'
  return `nothing is stored in ${where} since ${since}; is thump up, or the forwarder, running with the same --config?\n`
}
