import { parseRuleFile } from '../../alerting/rules/parse-file.ts'
import type { ParseContext } from '../../alerting/rules/parse-rule.ts'
import type { Rule } from '../../alerting/rules/rule.ts'

export const parseContext: ParseContext = { allowedLatenessMs: 30_000, timezone: 'UTC', keywords: () => undefined }

/** Half keywords, a fifth equality, a fifth counted windows, a tenth regular expressions. */
function ruleText(index: number): string {
  const id = `- id: r${index}\n  topic: APP\n`
  const kind = index % 10
  if (kind < 5) return `${id}  type: match\n  where: {message.contains: "${word(index)}"}\n`
  if (kind < 7) return `${id}  type: match\n  where: {event.code: code-${index}}\n`
  if (kind < 9)
    return `${id}  type: count\n  where: {user.name: user-${index}}\n  groupBy: source.ip\n  count: {gte: 1000000, within: 1m}\n`
  return `${id}  type: match\n  where: {message.regex: "${word(index)} [0-9]+ of"}\n`
}

/** A rule file of the mixed set, from its n-th rule on. */
export function mixedFile(from: number, count: number): string {
  return `rules:\n${Array.from({ length: count }, (_, index) => ruleText(from + index)).join('')}`
}

export function mixedRules(count: number): readonly Rule[] {
  const parsed = parseRuleFile('bench.yaml', mixedFile(0, count), parseContext)
  if (parsed.rules.length !== count) throw new Error(parsed.problems[0]?.message ?? 'rules are missing')
  return parsed.rules
}

function word(index: number): string {
  return `${(index * 2_654_435_761).toString(36)}x${index.toString(36)}`
}

export interface MixedEvent {
  readonly event: { readonly id: string; readonly dataset: string; readonly code?: string }
  readonly message: string
  readonly [field: string]: unknown
}

/** The n-th event, of about 250 bytes; `share` of all concern one of so many rules. */
export function mixedEvent(
  index: number,
  { share, rules, atMs }: { share: number; rules: number; atMs: number },
): MixedEvent {
  const isHit = (index * 7919) % 10_000 < share * 10_000
  const rule = (index * 31) % rules
  const kind = rule % 10
  return {
    '@timestamp': new Date(atMs).toISOString(),
    event: {
      id: `agent-gen-${index.toString(36)}`,
      dataset: 'rabbitmq.log',
      ...(isHit && kind >= 5 && kind < 7 && { code: `code-${rule}` }),
    },
    message: `accepting AMQP connection 10.0.0.${index % 200}:41060 ${isHit && kind < 5 ? word(rule) : 'plainly said'} 10.0.0.1:5672`,
    user: { name: isHit && kind >= 7 ? `user-${rule}` : `someone-${index % 50}` },
    source: { ip: `10.0.${index % 7}.${index % 200}` },
    service: { type: 'rabbitmq' },
  }
}
