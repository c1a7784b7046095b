import type { CommandModule } from 'yargs'
import { schemaVersion } from '../event/encode.ts'
import { version } from '../runtime/version.ts'
import type { GlobalArgs } from './context.ts'

interface VersionArgs extends GlobalArgs {
  readonly json: boolean
}

export const command: CommandModule<GlobalArgs, VersionArgs> = {
  command: 'version',
  describe: 'The version of Thump, of its event schema and of Node',
  builder: (yargs) => yargs.option('json', { type: 'boolean', default: false, describe: 'As JSON, for programs' }),
  handler: ({ json }) => {
    const facts = {
      version,
      schema: schemaVersion,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    }
    process.stdout.write(
      json
        ? `${JSON.stringify(facts)}\n`
        : `thump ${version} (event schema ${schemaVersion}, node ${facts.node}, ${facts.platform})\n`,
    )
  },
}
