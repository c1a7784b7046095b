import type { CommandModule } from 'yargs'
import { type Wording, wordingFor } from '../alerting/notify/channel.ts'
import type { Config } from '../runtime/config/schema.ts'
import { type GlobalArgs, loadContext } from './context.ts'

interface TestArgs extends GlobalArgs {
  readonly channel: string
}

const test: CommandModule<GlobalArgs, TestArgs> = {
  command: 'test <channel>',
  describe: 'Send one made-up alert through a channel; exits 1 where it is not accepted',
  builder: (yargs) =>
    yargs.positional('channel', { type: 'string', demandOption: true, describe: 'A channel of alerting.channels' }),
  handler: async (argv) => {
    const { config, out, err } = loadContext(argv)
    const { openChannel, testChannel } = await import('../alerting/notify/open-channel.ts')
    const settings = config.alerting.channels[argv.channel]
    if (!settings) {
      const known = Object.keys(config.alerting.channels).join(', ') || 'none'
      err.write(`channel "${argv.channel}" is not configured; known: ${known}\n`)
      process.exitCode = 1
      return
    }
    const channel = openChannel(argv.channel, settings, wordingOf(config))
    try {
      const { ok, detail } = await testChannel(argv.channel, channel, Date.now())
      ;(ok ? out : err).write(`${argv.channel}: ${ok ? 'accepted' : 'not accepted'} (${detail})\n`)
      if (!ok) process.exitCode = 1
    } finally {
      await channel.close()
    }
  },
}

interface PreviewArgs extends GlobalArgs {
  readonly rule: string
  readonly output: 'text' | 'html' | 'slack' | 'json'
  readonly resolved: boolean
}

const preview: CommandModule<GlobalArgs, PreviewArgs> = {
  command: 'preview',
  describe: 'Render what a rule would tell: text, mail page, Slack blocks or webhook JSON',
  builder: (yargs) =>
    yargs
      .option('rule', { type: 'string', demandOption: true, describe: 'The id of a rule in the configured files' })
      .option('output', {
        choices: ['text', 'html', 'slack', 'json'] as const,
        default: 'text' as const,
        describe: 'Which medium',
      })
      .option('resolved', { type: 'boolean', default: false, describe: 'Its end instead of its start' }),
  handler: async (argv) => {
    const { config, out, err } = loadContext(argv)
    const { readRuleFiles } = await import('../alerting/rule-files.ts')
    const { previewNotice, renderPreview } = await import('../alerting/notify/preview.ts')
    const rules = readRuleFiles(config.alerting, config.timezone).files.flatMap(({ parsed }) => parsed.rules)
    const rule = rules.find(({ id }) => id === argv.rule)
    if (!rule) {
      err.write(`no rule "${argv.rule}" in the configured files; "thump rules list" shows them\n`)
      process.exitCode = 1
      return
    }
    out.write(`${renderPreview(previewNotice(rule, argv.resolved, Date.now()), wordingOf(config), argv.output)}\n`)
  },
}

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'notify <action>',
  describe: 'Try a channel, or see what a rule would tell',
  builder: (yargs) => yargs.command(test).command(preview).demandCommand(1, 'Name an action: test or preview') as never,
  handler: () => {},
}

function wordingOf({ timezone, alerting }: Config): Wording {
  return wordingFor(alerting, timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
}
