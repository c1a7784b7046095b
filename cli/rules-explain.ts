import { readFileSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import type { ThumpEvent } from '../event/event.ts'
import { suggestion } from '../runtime/config/suggest.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { whyUnreadable } from '../runtime/why-unreadable.ts'

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
        describe: 'File with one event as JSON, or one a line; - is standard input',
      }),
  handler: async (argv) => {
    const { config, out, err } = loadContext(argv)
    const { readRuleFiles } = await import('../alerting/rule-files.ts')
    const { explainRule } = await import('../alerting/rules/explain.ts')
    const { asksForBackground, isBackground } = await import('../alerting/engine/background.ts')
    const { fieldValue } = await import('../alerting/rules/field.ts')
    const { topicOf } = await import('../alerting/backtest/topic-of.ts')
    const paths = argv.files && argv.files.length > 0 ? argv.files : undefined
    const rules = readRuleFiles(config.alerting, config.timezone, { paths }).files.flatMap(({ parsed }) => parsed.rules)
    const rule = rules.find(({ id }) => id === argv.rule)
    if (!rule) {
      err.write(
        `thump: no rule "${argv.rule}" without errors${suggestion(
          argv.rule,
          rules.map(({ id }) => id),
        )}\n`,
      )
      process.exitCode = 1
      return
    }
    const events = read(argv.event, err)
    if (!events) return
    const facts = (event: ThumpEvent) => ({
      topic: topicOf(fieldValue(event, ['event', 'dataset'])),
      isHidden: isBackground(event) && !asksForBackground(rule),
    })
    out.write(`${events.map((event) => explainRule(rule, event, facts(event)).join('\n')).join('\n\n')}\n`)
  },
}

/** One event, or one a line. */
function read(path: string, err: NodeJS.WritableStream): ThumpEvent[] | undefined {
  try {
    const text = readFileSync(path === '-' ? 0 : path, 'utf8').trim()
    const whole = parseObject(text)
    if (whole) return [whole]
    const lines = text.split('\n').map(parseObject)
    if (lines.every((line) => line !== undefined)) return lines
    err.write(`thump: ${path}: not JSON: one event, or one a line (thump events --output json writes such)\n`)
  } catch (error) {
    err.write(`thump: ${path}: ${whyUnreadable(error)}\n`)
  }
  process.exitCode = 1
  return undefined
}

function parseObject(text: string): ThumpEvent | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as ThumpEvent) : undefined
  } catch {
    return undefined
  }
}
