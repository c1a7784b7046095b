import { relative } from 'node:path'
import type { CommandModule } from 'yargs'
import type { ListedFile, ListedRule, RuleListing } from '../alerting/listed-rules.ts'
import { formatProblem, type Problem, ThumpError } from '../runtime/errors.ts'
import { alerterApi } from './alerter-api.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'

interface ListArgs extends GlobalArgs {
  readonly output: 'text' | 'json'
  readonly files: boolean
  readonly url?: string | undefined
}

interface Listing extends Omit<RuleListing, 'rules'> {
  readonly from: 'alerter' | 'files'
  readonly rules: ReadonlyArray<ListedRule & { readonly firing?: number }>
}

/** What runs, and which files are stale; without an alerter, what the files say. */
export const command: CommandModule<GlobalArgs, ListArgs> = {
  command: 'list',
  describe: 'The rules that run, their state, and files that are stale; exits 1 where one is',
  builder: (yargs) =>
    yargs
      .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'How to print' })
      .option('files', { type: 'boolean', default: false, describe: 'As the files say, without asking the alerter' })
      .option('url', { type: 'string', describe: 'Where the alerter listens (default: alerting.listen)' }),
  handler: async (argv) => {
    const context = loadContext(argv)
    const listing = (argv.files ? undefined : await fromAlerter(context, argv.url)) ?? (await fromFiles(context))
    if (argv.output === 'json') context.out.write(`${JSON.stringify(listing, null, 2)}\n`)
    else context.out.write(textOf(listing, context))
    const bad = listing.files.filter(({ isStale }) => isStale)
    if (argv.output === 'text') for (const file of bad) context.err.write(staleText(file, listing, context))
    if (bad.length > 0) process.exitCode = 1
  },
}

async function fromAlerter(context: Context, url: string | undefined): Promise<Listing | undefined> {
  const api = alerterApi(context, url)
  try {
    const listing = await api.ask<RuleListing>('GET', 'rules')
    const firing = new Map<string, number>()
    if (listing.isActive) {
      const { alerts } = await api.ask<{ alerts: ReadonlyArray<{ rule: string }> }>(
        'GET',
        'alerts?state=firing&limit=10000',
      )
      for (const { rule } of alerts) firing.set(rule, (firing.get(rule) ?? 0) + 1)
    }
    return {
      from: 'alerter',
      ...listing,
      rules: listing.rules.map((rule) => ({ ...rule, firing: firing.get(rule.id) ?? 0 })),
    }
  } catch (error) {
    if (!(error instanceof ThumpError)) throw error
    context.err.write(`${error.message}\nfrom the files:\n`)
    return undefined
  }
}

async function fromFiles({ config }: Context): Promise<Listing> {
  const [{ readRuleFiles }, { listedRule }] = await Promise.all([
    import('../alerting/rule-files.ts'),
    import('../alerting/listed-rules.ts'),
  ])
  const { files, problems } = readRuleFiles(config.alerting, config.timezone)
  const listed = (path: string, rules: number, found: readonly Problem[]) => ({
    path,
    isStale: found.some(({ severity }) => severity === 'error'),
    rules,
    problems: found,
  })
  return {
    from: 'files',
    files: [
      ...problems.map((problem) => listed(problem.file, 0, [problem])),
      ...files.map(({ path, parsed }) => listed(path, parsed.rules.length, parsed.problems)),
    ],
    rules: files.flatMap(({ parsed }) => parsed.rules).map((rule) => listedRule(rule)),
  }
}

function textOf({ from, rules, files, isActive }: Listing, { colour }: Context): string {
  if (rules.length === 0) return 'no rules\n'
  const isRunning = from === 'alerter' && isActive === true
  const stale = new Set(files.filter(({ isStale }) => isStale).map(({ path }) => path))
  const rows = rules.map(({ id, type, topics, severity, stage, owner, file, line, keys, firing }) => ({
    id,
    type,
    topics: topics.join(','),
    severity,
    stage,
    ...(isRunning && { firing: firing ? String(firing) : '-', keys: keys === undefined ? '-' : String(keys) }),
    owner: owner ?? '-',
    place: `${shortPath(file)}:${line}${stale.has(file) ? ' STALE' : ''}`,
  }))
  const paint = (text: string, { stage, firing }: { stage: string; firing?: string }) =>
    stage === 'off'
      ? `\u001b[2m${text}\u001b[0m`
      : firing !== undefined && firing !== '-'
        ? `\u001b[1m${text}\u001b[0m`
        : text
  return table(rows, colour ? paint : (text) => text)
}

function staleText({ path, problems }: ListedFile, { from, rules }: Listing, { colour }: Context): string {
  const runs = rules.some(({ file }) => file === path) ? 'its last good version runs' : 'none of its rules runs'
  const says = from === 'alerter' ? `STALE ${shortPath(path)}: ${runs}` : `${shortPath(path)} has errors`
  const lines = problems
    .filter(({ severity }) => severity === 'error')
    .map((problem) => `  ${formatProblem(problem)}\n`)
  return `${colour ? `\u001b[31m${says}\u001b[0m` : says}\n${lines.join('')}`
}

function shortPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') || near === '' ? path : near
}

/** Columns as wide as their widest cell. */
function table<R extends Readonly<Record<string, string>>>(
  rows: readonly R[],
  paint: (text: string, row: R & { stage: string; firing?: string }) => string,
): string {
  const [first] = rows
  if (!first) return ''
  const names = Object.keys(first)
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()
  const body = rows.map((row) => paint(line(names.map((name) => row[name] ?? '')), row as never))
  return `${[line(names), ...body].join('\n')}\n`
}
