import { join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { AgentConfig } from '../runtime/config/schema-agent.ts'
import type { Config } from '../runtime/config/schema.ts'
import type { Secret } from '../runtime/config/secret.ts'
import type { Health } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { AmqpOptions } from './broker/connection.ts'
import { type Correlator, correlatedCodes, createCorrelator } from './correlate/correlator.ts'
import { countNodes, type ManagementAccount } from './broker/management.ts'
import { createKeepUp, type KeepUp } from './correlate/keep-up.ts'
import { parseAccessLine } from './parse/access/access.ts'
import { parseCombinedLine } from './parse/access/combined.ts'
import { entries } from './parse/catalogue/entries.ts'
import { recognise } from './parse/catalogue/recognise.ts'
import { openHmacKey, openRedactor } from './open-redactor.ts'
import type { Redactor } from './redact/redactor.ts'
import type { Emit, Identity, Source } from './source.ts'
import { createEventsSource } from './sources/events/events.ts'
import { createFirehoseSource } from './sources/firehose/firehose.ts'
import { openSwitchedOn, type SwitchedOn } from './sources/firehose/switched.ts'
import { createLogFilesSource } from './sources/log-files/log-files.ts'
import { createLineLook, type LineLook } from './sources/log-files/line-look.ts'
import { createRecognitionWatch } from './sources/log-files/recognition-watch.ts'
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

export interface OpenedSources {
  /** In the order they start; what cannot be read at all is said once, and left out. */
  readonly sources: readonly Source[]
  /** The log files with other inputs; undefined where there are none. */
  logFiles(inputs: AgentConfig['logs']): Source | undefined
  /** From now on masks by these rules; throws ConfigError, and the old ones stay. */
  remask(redact: AgentConfig['redact']): void
}

/**
 * The sources that the configuration asks for. Nothing leaves the host unmasked: each source's events pass the redactor.
 * Throws ConfigError.
 */
export function openSources(deps: OpenSourcesDeps): OpenedSources {
  const { agent } = deps.config
  const { redactor, look, remask } = replaceableRedactor(agent.redact)
  const masked = { ...deps, emit: maskedEmit(deps.emit, redactor) }
  const readsEvents = agent.amqp !== undefined && agent.events.enabled
  const correlator = createCorrelator({ ...deps, hasDeeds: readsEvents })
  const followed = (inputs: AgentConfig['logs']) =>
    inputs.length === 0 ? undefined : logFiles(masked, inputs, { redactor, look }, correlator)
  const sources: Source[] = []
  const files = followed(agent.logs)
  if (files) sources.push(files)
  const keepUp = readsEvents ? openKeepUp(deps, correlator) : undefined
  if (agent.amqp && keepUp) sources.push(events(masked, agent.amqp, correlator, keepUp))
  if (agent.amqp && agent.firehose.enabled)
    sources.push(firehose(joined(masked, correlator), agent.amqp, redactor, switchedByAgent(deps)))
  if (agent.resources.enabled) sources.push(...resources(deps, keepUp))
  return { sources, logFiles: followed, remask }
}

type Masking = Pick<Redactor, 'text' | 'event'>

/** One redactor for all sources, whose rules can be exchanged under them; and the look at a log line that spares it most. */
function replaceableRedactor(redact: AgentConfig['redact']): Pick<OpenedSources, 'remask'> & {
  readonly redactor: Masking
  readonly look: LineLook
} {
  const recognition = createRecognitionWatch(entries)
  let current = openRedactor(redact)
  let look = createLineLook(recognition, current)
  return {
    redactor: {
      text: (text, count) => current.text(text, count),
      event: (event, isMessageClean) => current.event(event, isMessageClean),
    },
    look: (bytes, start, end) => look(bytes, start, end),
    remask(next) {
      current = openRedactor(next)
      look = createLineLook(recognition, current)
    },
  }
}

function maskedEmit(emit: Emit, redactor: Masking): Emit {
  return {
    ...emit,
    events: (events, signal) => {
      for (const { event } of events) redactor.event(event)
      return emit.events(events, signal)
    },
  }
}

/** A trace names its connection; who that is, the events told. */
function joined(deps: OpenSourcesDeps, { connections }: Correlator): OpenSourcesDeps {
  const events: Emit['events'] = (batch, signal) => {
    for (const { event } of batch) {
      const client = connections.byName(event.rabbitmq?.connection)?.client
      if (client !== undefined) event.client ??= { name: client }
    }
    return deps.emit.events(batch, signal)
  }
  return { ...deps, emit: { ...deps.emit, events } }
}

function openKeepUp(deps: OpenSourcesDeps, correlator: Correlator): KeepUp {
  const log = deps.log.child({ component: 'agent.correlate' })
  const { dataDir } = deps.config
  return createKeepUp({ correlator, dataDir, management: managementOf(deps.config), log, now: deps.now })
}

function events(deps: OpenSourcesDeps, amqp: AmqpOptions, correlator: Correlator, keepUp: KeepUp): Source {
  const management = managementOf(deps.config)
  return createEventsSource({
    ...deps,
    amqp,
    events: deps.config.agent.events,
    countNodes: async (signal) => (management ? await countNodes(management, signal) : undefined),
    attribute: (event, isAgain) => correlator.attribute(event, isAgain),
    keepUp,
  })
}

function logFiles(
  { config, ...deps }: OpenSourcesDeps,
  inputs: AgentConfig['logs'],
  { redactor, look }: { readonly redactor: Masking; readonly look: LineLook },
  correlator: Correlator,
): Source {
  return createLogFilesSource({
    ...deps,
    inputs,
    dataDir: config.dataDir,
    recognise,
    look,
    parseAccessLine,
    parseCombinedLine,
    // The source masks a line's own event, and what is derived from it.
    deriver: correlator,
    derivingCodes: correlatedCodes,
    redactor,
  })
}

function switchedByAgent({ config }: OpenSourcesDeps): SwitchedOn {
  return openSwitchedOn(join(config.dataDir, 'tracing-agent.json'))
}

/** The firehose alone, masked, for a capture: what it switches on it remembers apart from the agent's. */
export function openCapture(deps: OpenSourcesDeps, amqp: AmqpOptions, switchedOn: SwitchedOn): Source {
  const redactor = openRedactor(deps.config.agent.redact)
  return firehose({ ...deps, emit: maskedEmit(deps.emit, redactor) }, amqp, redactor, switchedOn)
}

function firehose(deps: OpenSourcesDeps, amqp: AmqpOptions, redactor: Masking, switchedOn: SwitchedOn): Source {
  const { firehose: options, resources: api, redact, tracing } = deps.config.agent
  const account = api.enabled ? managementAccount(deps.config) : undefined
  return createFirehoseSource({
    ...deps,
    amqp,
    firehose: options,
    management: account && { url: api.url, ...account },
    tracing: tracing && { url: api.url, ...tracing },
    switchedOn,
    hmacKey: openHmacKey(redact, deps.config.dataDir),
    mask: (text, count) => redactor.text(text, count),
  })
}

function resources(deps: OpenSourcesDeps, keepUp: KeepUp | undefined): Source[] {
  const { resources: options } = deps.config.agent
  const account = managementAccount(deps.config)
  // Without the event queue nobody is elected: each agent then tells the totals, as the only one would.
  const isElected = () => keepUp?.isReading() ?? true
  if (account) return [createResourcesSource({ ...deps, resources: { ...options, ...account }, isElected })]
  deps.log
    .child({ component: 'agent.resources' })
    .info('resources are not read: neither agent.resources nor agent.amqp names a user')
  return []
}

function managementOf(config: Config): ManagementAccount | undefined {
  const { enabled, url } = config.agent.resources
  const account = enabled ? managementAccount(config) : undefined
  return account && { url, ...account }
}

/** Whom the management API knows: the account of `resources`, else that of `amqp`. */
function managementAccount({ agent }: Config): { username: string; password?: Secret | undefined } | undefined {
  const { username, password } = agent.resources
  if (username !== undefined) return { username, password }
  return agent.amqp?.username === undefined
    ? undefined
    : { username: agent.amqp.username, password: agent.amqp.password }
}
