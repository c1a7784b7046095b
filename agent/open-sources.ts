import { randomBytes } from 'node:crypto'
import type { Clock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config/schema.ts'
import type { Secret } from '../runtime/config/secret.ts'
import type { Health } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { AmqpOptions } from './broker/connection.ts'
import { createDeriver, derivingCodes } from './correlate/deriver.ts'
import { parseAccessLine } from './parse/access/access.ts'
import { recognise } from './parse/catalogue/recognise.ts'
import type { Emit, Identity, Source } from './source.ts'
import { createEventsSource } from './sources/events/events.ts'
import { createFirehoseSource } from './sources/firehose/firehose.ts'
import { createLogFilesSource } from './sources/log-files/log-files.ts'
import { createResourcesSource } from './sources/resources/resources.ts'

export interface OpenSourcesDeps {
  readonly config: Config
  readonly identity: Identity
  readonly emit: Emit
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
}

/** The sources that the configuration asks for, in the order they start. What cannot be read at all is said once, and left out. */
export function openSources(deps: OpenSourcesDeps): Source[] {
  const { agent } = deps.config
  const sources: Source[] = []
  if (agent.logs.length > 0) sources.push(logFiles(deps))
  if (agent.amqp && agent.events.enabled)
    sources.push(createEventsSource({ ...deps, amqp: agent.amqp, events: agent.events }))
  if (agent.amqp && agent.firehose.enabled) sources.push(firehose(deps, agent.amqp))
  if (agent.resources.enabled) sources.push(...resources(deps))
  return sources
}

function logFiles({ config, ...deps }: OpenSourcesDeps): Source {
  return createLogFilesSource({
    ...deps,
    inputs: config.agent.logs,
    dataDir: config.dataDir,
    recognise,
    parseAccessLine,
    deriver: createDeriver(deps),
    derivingCodes,
  })
}

function firehose(deps: OpenSourcesDeps, amqp: AmqpOptions): Source {
  const { firehose: options, resources: api, tracing } = deps.config.agent
  const account = api.enabled ? managementAccount(deps.config) : undefined
  return createFirehoseSource({
    ...deps,
    amqp,
    firehose: options,
    management: account && { url: api.url, ...account },
    tracing: tracing && { url: api.url, ...tracing },
    hmacKey: deps.config.agent.redact.hmacKey
      ? Buffer.from(deps.config.agent.redact.hmacKey.reveal())
      : randomBytes(32),
    mask: (text) => text,
  })
}

function resources(deps: OpenSourcesDeps): Source[] {
  const { resources: options } = deps.config.agent
  const account = managementAccount(deps.config)
  if (account) return [createResourcesSource({ ...deps, resources: { ...options, ...account } })]
  deps.log
    .child({ component: 'agent.resources' })
    .info('resources are not read: neither agent.resources nor agent.amqp names a user')
  return []
}

/** Whom the management API knows: the account of `resources`, else that of `amqp`. */
function managementAccount({ agent }: Config): { username: string; password?: Secret | undefined } | undefined {
  const { username, password } = agent.resources
  if (username !== undefined) return { username, password }
  return agent.amqp?.username === undefined
    ? undefined
    : { username: agent.amqp.username, password: agent.amqp.password }
}
