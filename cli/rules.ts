import type { CommandModule } from 'yargs'
import { formatProblem } from '../runtime/errors.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { command as backtest } from './rules-backtest.ts'
import { command as explain } from './rules-explain.ts'
import { command as importRules } from './rules-import.ts'
import { command as test } from './rules-test.ts'

interface LintArgs extends GlobalArgs {
  readonly files?: readonly string[] | undefined
  readonly output: 'text' | 'json' | 'sarif'
  readonly strict: boolean
}

const lint: CommandModule<GlobalArgs, LintArgs> = {
  command: 'lint [files..]',
  describe: 'Check rule files: every problem with file:line:column; exits 1 on errors',
  builder: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'Rule files or globs (default: alerting.rules)' })
      .option('output', {
        choices: ['text', 'json', 'sarif'] as const,
        default: 'text' as const,
        describe: 'How to print',
      })
      .option('strict', { type: 'boolean', default: false, describe: 'Warnings count as errors' }),
  handler: async (argv) => {
    const { config, out } = loadContext(argv)
    const { checkRuleFiles } = await import('../alerting/check-files.ts')
    const { printProblems } = await import('../alerting/print-problems.ts')
    const problems = checkRuleFiles(config, asPaths(argv.files))
    out.write(printProblems(problems, argv.output))
    if (problems.some(({ severity }) => severity === 'error' || argv.strict)) process.exitCode = 1
  },
}

interface ListArgs extends GlobalArgs {
  readonly output: 'text' | 'json'
}

const list: CommandModule<GlobalArgs, ListArgs> = {
  command: 'list',
  describe: 'The rules of the configured files: id, type, topic, severity, stage, owner, place',
  builder: (yargs) =>
    yargs.option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'How to print' }),
  handler: async (argv) => {
    const { config, out, err } = loadContext(argv)
    const { readRuleFiles } = await import('../alerting/rule-files.ts')
    const { files, problems } = readRuleFiles(config.alerting, config.timezone)
    const bad = [...problems, ...files.flatMap(({ parsed }) => parsed.problems)].filter(
      ({ severity }) => severity === 'error',
    )
    for (const problem of bad) err.write(`${formatProblem(problem)}\n`)
    const rows = files
      .flatMap(({ parsed }) => parsed.rules)
      .map(({ id, spec, topics, severity, stage, owner, place }) => ({
        id,
        type: spec.kind,
        topics: topics.join(','),
        severity,
        stage,
        owner: owner ?? '-',
        place: `${place.file}:${place.line}`,
      }))
    out.write(argv.output === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : table(rows))
    if (bad.length > 0) process.exitCode = 1
  },
}

const schema: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'schema',
  describe: 'The JSON Schema of rule files, for editors',
  handler: async (argv) => {
    const { out } = loadContext(argv)
    const { rulesJsonSchema } = await import('../alerting/rules/schema.ts')
    out.write(`${JSON.stringify(rulesJsonSchema(), null, 2)}\n`)
  },
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'rules <action>',
  describe: 'Lint, test, explain and list rules',
  builder: (yargs) =>
    yargs
      .command(lint)
      .command(test)
      .command(backtest)
      .command(explain)
      .command(list)
      .command(schema)
      .command(importRules)
      .demandCommand(1) as never,
  handler: () => {},
}

function asPaths(files: readonly string[] | undefined): readonly string[] | undefined {
  return files && files.length > 0 ? files : undefined
}

/** Columns as wide as their widest cell. */
function table(rows: ReadonlyArray<Readonly<Record<string, string>>>): string {
  const [first] = rows
  if (!first) return 'no rules\n'
  const names = Object.keys(first)
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()}\n`
  return line(names) + rows.map((row) => line(names.map((name) => row[name] ?? ''))).join('')
}
