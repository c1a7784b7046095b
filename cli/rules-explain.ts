import { readFileSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import { type GlobalArgs, loadContext } from './context.ts'

interface ExplainArgs extends GlobalArgs {
  readonly rule: string
  readonly event: string
  readonly files?: readonly string[] | undefined
}

/** Why a rule takes an event or not: each predicate, yes or no, and the value seen. */
export const command: CommandModule<GlobalArgs, ExplainArgs> = {
  command: 'explain [files..]',
  describe: 'Each predicate of a rule against one event: yes or no, and the value seen',
  builder: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'Rule files or globs (default: alerting.rules)' })
      .option('rule', { type: 'string', demandOption: true, describe: 'Id of the rule' })
      .option('event', {
        type: 'string',
        demandOption: true,
        describe: 'File with one event as JSON; - is standard input',
      }),
  handler: async (argv) => {
    const { config, out } = loadContext(argv)
    const { readRuleFiles } = await import('../alerting/rule-files.ts')
    const { explainRule } = await import('../alerting/rules/explain.ts')
    const paths = argv.files && argv.files.length > 0 ? argv.files : undefined
    const rules = readRuleFiles(config.alerting, config.timezone, { paths }).files.flatMap(({ parsed }) => parsed.rules)
    const rule = rules.find(({ id }) => id === argv.rule)
    if (!rule) throw new Error(`no rule "${argv.rule}" without errors; see thump rules list`)
    const event: unknown = JSON.parse(readFileSync(argv.event === '-' ? 0 : argv.event, 'utf8'))
    out.write(`${explainRule(rule, event).join('\n')}\n`)
  },
}
