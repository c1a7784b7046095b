import type { CommandModule } from 'yargs'
import { formatProblem } from '../runtime/errors.ts'
import { configFile, type GlobalArgs, loadContext } from './context.ts'

/** Every problem of the configuration and of the rule files it names, or one line that all is well. */
export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'check-config',
  describe: 'Check the configuration and its rule files: every problem with file:line:column; exits 78 if any',
  handler: async (argv) => {
    const context = loadContext(argv)
    const { checkRuleFiles } = await import('../alerting/check-files.ts')
    const problems = checkRuleFiles(context.config)
    for (const problem of problems) context.err.write(`${formatProblem(problem)}\n`)
    if (problems.some(({ severity }) => severity === 'error')) process.exitCode = 78
    else context.out.write(`${configFile(argv) ?? 'built-in defaults'}: ok\n`)
  },
}
