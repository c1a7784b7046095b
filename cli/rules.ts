import type { CommandModule } from 'yargs'
import type { GlobalArgs } from './context.ts'
import { command as backtest } from './rules-backtest.ts'
import { command as explain } from './rules-explain.ts'
import { command as importRules } from './rules-import.ts'
import { command as lint } from './rules-lint.ts'
import { command as list } from './rules-list.ts'
import { command as schema } from './rules-schema.ts'
import { command as test } from './rules-test.ts'

export const command: CommandModule<GlobalArgs, GlobalArgs> = {
  command: 'rules <action>',
  describe: 'Lint, test, backtest, explain, list and import rules',
  builder: (yargs) =>
    yargs
      .command(lint)
      .command(test)
      .command(backtest)
      .command(explain)
      .command(list)
      .command(schema)
      .command(importRules)
      .demandCommand(1, 'which? lint, test, backtest, explain, list, schema or import (thump rules --help)') as never,
  handler: () => {},
}
