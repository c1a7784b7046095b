import type { Config } from '../runtime/config/schema.ts'
import { suggestion } from '../runtime/config/suggest.ts'
import type { Problem } from '../runtime/errors.ts'
import { readRuleFiles } from './rule-files.ts'
import type { SourceName } from './rules/known-fields.ts'
import { checkTogether, sourcesNeeded } from './rules/lint.ts'
import type { Rule } from './rules/rule.ts'

type Settings = Pick<Config, 'alerting' | 'agent' | 'timezone'>

/** Every problem of the rule files, in the order of the files: of each alone, of all together, and beside the configuration. */
export function checkRuleFiles({ alerting, agent, timezone }: Settings, paths?: readonly string[]): Problem[] {
  const { files, problems } = readRuleFiles(alerting, timezone, { paths })
  const rules = files.flatMap(({ parsed }) => parsed.rules)
  const off = sourcesOff(agent)
  // Of a file that is no YAML it is not known which rules it holds.
  const isWhole = paths === undefined && files.every(({ parsed }) => parsed.ids !== undefined)
  const broken = files.flatMap(({ parsed }) => parsed.ids ?? [])
  const together = [
    ...checkTogether(rules, { isWhole, broken }),
    ...rules.flatMap((rule) => [
      ...needsWhatIsOff(rule, off),
      ...unknownChannels(rule, Object.keys(alerting.channels)),
    ]),
  ].map(({ rule, code, message, severity }): Problem => ({ ...rule.place, path: code, message, severity }))
  const ofFiles = files.flatMap(({ path, parsed }) =>
    [...parsed.problems, ...together.filter(({ file }) => file === path)].toSorted(
      (a, b) => Number(a.file !== path) - Number(b.file !== path) || a.line - b.line || a.column - b.column,
    ),
  )
  return [...problems, ...ofFiles]
}

/** Sources that the configuration switches off, each with its key. Of an agent that is not configured here nothing is known. */
function sourcesOff(agent: Config['agent']): ReadonlyMap<SourceName, string> {
  const off = new Map<SourceName, string>()
  if (!agent.firehose.enabled) off.set('firehose', 'agent.firehose.enabled')
  if (agent.amqp === undefined && agent.logs.length === 0) return off
  if (agent.logs.length === 0) off.set('log-files', 'agent.logs')
  if (agent.amqp === undefined || !agent.events.enabled) off.set('events', 'agent.events.enabled')
  if (!agent.resources.enabled) off.set('resources', 'agent.resources.enabled')
  if (!agent.resources.enabled || agent.resources.queues === 'off') off.set('queues', 'agent.resources.queues')
  return off
}

const namesOf: Readonly<Record<SourceName, string>> = {
  firehose: 'the firehose',
  'log-files': 'log files',
  events: 'the event exchange',
  resources: "the node's resources",
  queues: 'resources of queues',
  self: 'the product itself',
}

function needsWhatIsOff(rule: Rule, off: ReadonlyMap<SourceName, string>) {
  if (rule.stage === 'off') return []
  return [...sourcesNeeded(rule)].flatMap((source) => {
    const key = off.get(source)
    if (key === undefined) return []
    const verb = source === 'firehose' || source === 'events' ? 'is' : 'are'
    const message = `needs ${namesOf[source]}, which ${verb} disabled (${key})`
    return [{ rule, code: 'source', message, severity: 'warning' as const }]
  })
}

/** Where channels are configured, a rule that names another would tell nobody. */
function unknownChannels(rule: Rule, channels: readonly string[]) {
  if (channels.length === 0) return []
  const named = [...(rule.notify ?? []), ...(rule.notifyDefault ?? [])]
  return [...new Set(named)]
    .filter((name) => !channels.includes(name))
    .map((name) => ({
      rule,
      code: 'channel',
      message: `channel "${name}" is not in alerting.channels${suggestion(name, channels) || `; known: ${channels.join(', ')}`}`,
      severity: 'error' as const,
    }))
}
