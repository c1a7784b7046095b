import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { packagedRules } from '../runtime/packaged.ts'
import type { DemoTarget } from './demo-target.ts'

const seedRules = join(packagedRules, 'seed.yaml')

/** The demo's configuration: embedded kinds in its own folder, the rules of the seed. */
export function demoConfig(dir: string, target: DemoTarget) {
  const { amqpUrl, managementUrl, prometheusUrl, logs, account, isOwn } = target
  return {
    ...(isOwn && { cluster: 'demo' }),
    dataDir: join(dir, 'data'),
    alerting: { rules: [seedRules], listen: '127.0.0.1:0' },
    health: { listen: '127.0.0.1:0' },
    // Of a broker that is not its own the demo must say why it shows nothing.
    log: { level: isOwn ? 'error' : 'warn' },
    agent: {
      logs: logs.length > 0 ? [{ paths: logs }] : [],
      amqp: { url: amqpUrl, ...account },
      resources: { url: managementUrl, interval: '15s', ...(prometheusUrl !== undefined && { prometheusUrl }) },
      firehose: { enabled: isOwn },
    },
  }
}

/**
 * The same as a file, so that other commands look at the same data, ask the same alerter and check the same broker: with the
 * alerter's real port. The password of the demo's own broker, fresh at each start, lies beside it; that of the user's own is
 * written nowhere.
 */
export function writeDemoFile(dir: string, target: DemoTarget, alertingPort: number): string {
  const { agent, alerting, ...rest } = demoConfig(dir, target)
  const { password, ...amqp } = agent.amqp
  const passwordFile = join(dir, 'password')
  rmSync(passwordFile, { force: true })
  if (target.isOwn) writeFileSync(passwordFile, password, { mode: 0o600 })
  const file = join(dir, 'thump.yaml')
  const shared = {
    ...rest,
    agent: { ...agent, amqp: { ...amqp, ...(target.isOwn && { passwordFile }) } },
    alerting: { ...alerting, listen: `127.0.0.1:${alertingPort}` },
  }
  writeFileSync(file, `# Written by thump demo at each start.\n${stringify(shared)}`, { mode: 0o640 })
  return file
}
