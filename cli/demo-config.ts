import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'

export interface DemoTarget {
  readonly amqpUrl: string
  readonly managementUrl: string
  readonly prometheusUrl?: string
  readonly logs: readonly string[]
  readonly account: { readonly username: string; readonly password: string }
  /** Its own broker: then tracing is on, and the firehose is shown. */
  readonly isOwn: boolean
}

/** Rules that come with the product. */
const seedRules = join(import.meta.dirname, '../deploy/rules/seed.yaml')

/**
 * The demo's configuration: embedded kinds in its own folder, both rules of the seed. Also written there as thump.yaml,
 * without the password, so that other commands can look at the same data.
 */
export function demoConfig(dir: string, target: DemoTarget): Record<string, unknown> {
  const { amqpUrl, managementUrl, prometheusUrl, logs, account, isOwn } = target
  const shared = {
    cluster: isOwn ? 'demo' : undefined,
    dataDir: join(dir, 'data'),
    alerting: { rules: [seedRules], listen: '127.0.0.1:0' },
    health: { listen: '127.0.0.1:0' },
    log: { level: 'error' },
  }
  writeFileSync(join(dir, 'thump.yaml'), `# Written by thump demo at each start.\n${stringify(shared)}`, {
    mode: 0o640,
  })
  return {
    ...shared,
    agent: {
      logs: logs.length > 0 ? [{ paths: logs }] : [],
      amqp: { url: amqpUrl, ...account },
      resources: { url: managementUrl, interval: '15s', ...(prometheusUrl !== undefined && { prometheusUrl }) },
      firehose: { enabled: isOwn },
    },
  }
}
