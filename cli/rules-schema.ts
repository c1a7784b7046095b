import type { CommandModule } from 'yargs'
import { type GlobalArgs, loadContext } from './context.ts'

interface SchemaArgs extends GlobalArgs {
  readonly overrides: boolean
}

/** For editors: completion, and errors while one types. */
export const command: CommandModule<GlobalArgs, SchemaArgs> = {
  command: 'schema',
  describe: 'The JSON Schema of rule files, for editors',
  builder: (yargs) =>
    yargs
      .option('overrides', { type: 'boolean', default: false, describe: 'Of the overrides file' })
      .example(
        '$0 rules schema > rules.schema.json',
        'then begin a file with: # yaml-language-server: $schema=./rules.schema.json',
      ) as never,
  handler: async (argv) => {
    const { out } = loadContext(argv)
    const { overridesJsonSchema, rulesJsonSchema } = await import('../alerting/rules/schema.ts')
    out.write(`${JSON.stringify(argv.overrides ? overridesJsonSchema() : rulesJsonSchema(), null, 2)}\n`)
  },
}
