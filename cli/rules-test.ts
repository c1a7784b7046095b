import type { CommandModule } from 'yargs'
import type { TestResult } from '../alerting/engine/rule-tests.ts'
import type { Rule } from '../alerting/rules/rule.ts'
import { formatProblem } from '../runtime/errors.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'

interface TestArgs extends GlobalArgs {
  readonly files?: readonly string[] | undefined
  readonly rule?: readonly string[] | undefined
  readonly output: 'text' | 'json'
}

/** The `tests:` beside the rules, on a virtual clock, by the engine itself. The rules as written: overrides do not count. */
export const command: CommandModule<GlobalArgs, TestArgs> = {
  command: 'test [files..]',
  describe: "Run the rules' own tests on a virtual clock; exits 1 where one fails",
  builder: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'Rule files or globs (default: alerting.rules)' })
      .option('rule', { type: 'string', array: true, describe: 'Only these rules, by id' })
      .option('output', { choices: ['text', 'json'] as const, default: 'text' as const, describe: 'How to print' })
      .example('$0 rules test', 'all of the configured files')
      .example('$0 rules test auth.yaml --rule brute-force', 'one rule while it is written') as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const { config, out, err } = context
    const { checkRuleFiles } = await import('../alerting/check-files.ts')
    const { readRuleFiles } = await import('../alerting/rule-files.ts')
    const { runRuleTests } = await import('../alerting/engine/rule-tests.ts')
    const paths = argv.files && argv.files.length > 0 ? argv.files : undefined
    const { overrides: _, ...alerting } = config.alerting
    const errors = checkRuleFiles({ ...config, alerting }, paths).filter(({ severity }) => severity === 'error')
    for (const problem of errors) err.write(`${formatProblem(problem)}\n`)
    const all = readRuleFiles(alerting, config.timezone, { paths }).files.flatMap(({ parsed }) => parsed.rules)
    const rules = argv.rule ? all.filter(({ id }) => argv.rule?.includes(id)) : all
    const unknown = (argv.rule ?? []).filter((id) => !all.some((rule) => rule.id === id))
    for (const id of unknown) err.write(`thump: no rule "${id}" without errors in these files\n`)
    const startedMs = performance.now()
    const results = rules.flatMap((rule) => runRuleTests(rule, all))
    const tookMs = performance.now() - startedMs
    out.write(argv.output === 'json' ? jsonOf(results) : textOf(results, rules, tookMs, context))
    const isFailed = results.some(({ failures }) => failures.length > 0)
    if (isFailed || errors.length > 0 || unknown.length > 0) process.exitCode = 1
  },
}

function textOf(results: readonly TestResult[], rules: readonly Rule[], tookMs: number, { colour }: Context): string {
  const paint = (code: string, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const lines: string[] = []
  let file: string | undefined
  for (const { rule, name, failures, line } of results) {
    if (rule.place.file !== file) lines.push(`${lines.length > 0 ? '\n' : ''}${(file = rule.place.file)}`)
    const isOk = failures.length === 0
    lines.push(`  ${isOk ? paint('32', '✓') : paint('31', '✗')} ${rule.id}: ${name}`)
    for (const failure of failures) lines.push(`      ${paint('31', failure)}`)
    if (!isOk) lines.push(`      at ${rule.place.file}:${line ?? rule.place.line}`)
  }
  const failed = results.filter(({ failures }) => failures.length > 0).length
  const without = rules.filter(({ tests }) => tests.length === 0)
  const passed = `${results.length - failed} passed`
  lines.push(
    '',
    `${failed === 0 ? paint('32', passed) : passed}, ${failed > 0 ? paint('31', `${failed} failed`) : '0 failed'} (${rules.length} rules, ${Math.round(tookMs)} ms)`,
  )
  if (without.length > 0) lines.push(`without a test: ${without.map(({ id }) => id).join(', ')}`)
  return `${lines.join('\n')}\n`
}

function jsonOf(results: readonly TestResult[]): string {
  const rows = results.map(({ rule, name, failures, line }) => ({
    rule: rule.id,
    name,
    ok: failures.length === 0,
    failures,
    file: rule.place.file,
    line: line ?? rule.place.line,
  }))
  return `${JSON.stringify(rows, null, 2)}\n`
}
