import type { CommandModule } from 'yargs'
import { systemClock } from '../runtime/clock.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { elasticsearchSetup, formatRequests } from '../storage/elasticsearch/setup-requests.ts'
import { openStorage } from '../storage/open-storage.ts'
import { type GlobalArgs, loadContext } from './context.ts'
import { withPatience } from './with-patience.ts'

interface SetupArgs extends GlobalArgs {
  readonly dryRun: boolean
}

/** In OpenSearch's own words for permissions. */
function describeRights(prefix: string): string {
  return `cluster_manage_index_templates in the cluster; create_index, write, read, search, delete and indices_monitor on ${prefix}-*`
}

export const command: CommandModule<GlobalArgs, SetupArgs> = {
  command: 'elasticsearch',
  describe: 'Install the index templates; print the roles and API keys that an administrator makes',
  builder: (yargs) =>
    yargs.option('dry-run', { type: 'boolean', default: false, describe: 'Print every request, send none' }) as never,
  handler: async ({ dryRun, ...argv }) => {
    const { config, log, out, err } = loadContext(argv)
    const { indexPrefix, distribution } = config.storage.elasticsearch
    const { templates, roles, apiKeys } = elasticsearchSetup(indexPrefix, distribution)
    if (dryRun) out.write(`${formatRequests(templates)}\n`)
    else {
      const deps = { log, metrics: createMetrics(), now: systemClock }
      const { value, stop } = await openStorage(
        { ...config, storage: { ...config.storage, kind: 'elasticsearch' } },
        deps,
      )
      try {
        await withPatience('Elasticsearch', (signal) => value.store.setup(signal))
      } finally {
        await stop()
      }
      err.write('index templates are installed\n')
    }
    if (distribution === 'opensearch') {
      err.write(`OpenSearch has roles of its own; the writer needs ${describeRights(indexPrefix)}\n`)
      return
    }
    out.write(formatRequests([roles.writer, roles.reader, apiKeys.writer, apiKeys.reader]))
  },
}
