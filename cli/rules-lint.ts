import type { CommandModule } from 'yargs'
import { type GlobalArgs, loadContext } from './context.ts'

interface LintArgs extends GlobalArgs {
  readonly files?: readonly string[] | undefined
  readonly output: 'text' | 'json' | 'sarif'
  readonly strict: boolean
}

/** Every problem at once, where it is, and what to write instead. */
export const command: CommandModule<GlobalArgs, LintArgs> = {
  command: 'lint [files..]',
  describe: 'Check rule files: every problem with file:line:column; exits 1 on errors',
  builder: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'Rule files or globs (default: alerting.rules)' })
      .option('output', {
        choices: ['text', 'json', 'sarif'] as const,
        default: 'text' as const,
        describe: 'How to print; sarif is what code hosts show beside the line',
      })
      .option('strict', { type: 'boolean', default: false, describe: 'Warnings count as errors' })
      .example('$0 rules lint', 'the configured files, with the overrides')
      .example('$0 rules lint rules.d/*.yaml --strict', 'in CI') as never,
  handler: async (argv) => {
    const { config, out, err, colour } = loadContext(argv)
    const { checkRuleFiles } = await import('../alerting/check-files.ts')
    const { expandGlobs } = await import('../alerting/expand-globs.ts')
    const { printProblems } = await import('../alerting/print-problems.ts')
    const paths = argv.files && argv.files.length > 0 ? argv.files : undefined
    const problems = checkRuleFiles(config, paths)
    out.write(printProblems(problems, argv.output, colour))
    const patterns = paths ?? config.alerting.rules
    const isNothing = problems.length === 0 && expandGlobs(patterns).files.length === 0
    if (isNothing) err.write(`no rule file at ${patterns.join(', ')}\n`)
    // Files that were asked for and are not there are a mistake in CI that must not pass.
    if ((isNothing && paths) || problems.some(({ severity }) => severity === 'error' || argv.strict))
      process.exitCode = 1
  },
}
