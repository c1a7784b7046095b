import type { CommandModule } from 'yargs'
import { formatProblem } from '../runtime/errors.ts'
import { type GlobalArgs, loadContext } from './context.ts'

interface TestArgs extends GlobalArgs {
  readonly files?: readonly string[] | undefined
}

/** The `tests:` beside the rules, on a virtual clock, by the engine itself. */
export const command: CommandModule<GlobalArgs, TestArgs> = {
  command: 'test [files..]',
  describe: "Run the rules' own tests on a virtual clock; exits 1 where one fails",
  builder: (yargs) =>
    yargs.positional('files', {
      type: 'string',
      array: true,
      describe: 'Rule files or globs (default: alerting.rules)',
    }),
  handler: async (argv) => {
    const { config, out, err } = loadContext(argv)
    const { checkRuleFiles } = await import('../alerting/check-files.ts')
    const { readRuleFiles } = await import('../alerting/rule-files.ts')
    const { runRuleTests } = await import('../alerting/engine/rule-tests.ts')
    const paths = argv.files && argv.files.length > 0 ? argv.files : undefined
    const errors = checkRuleFiles(config, paths).filter(({ severity }) => severity === 'error')
    for (const problem of errors) err.write(`${formatProblem(problem)}\n`)
    const rules = readRuleFiles(config.alerting, config.timezone, { paths }).files.flatMap(({ parsed }) => parsed.rules)
    const results = rules.flatMap((rule) => runRuleTests(rule, rules))
    for (const { rule, name, failures } of results) {
      out.write(`${failures.length === 0 ? 'ok  ' : 'FAIL'} ${rule.id}: ${name}\n`)
      for (const failure of failures) out.write(`     ${rule.place.file}:${rule.place.line} ${failure}\n`)
    }
    const failed = results.filter(({ failures }) => failures.length > 0).length
    const without = rules.filter(({ tests }) => tests.length === 0).length
    out.write(`${results.length - failed} passed, ${failed} failed, ${without} rules without a test\n`)
    if (failed > 0 || errors.length > 0) process.exitCode = 1
  },
}
