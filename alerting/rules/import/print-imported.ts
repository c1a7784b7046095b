import { stringify } from 'yaml'
import type { ParseContext } from '../parse-rule.ts'
import { parseRuleFile } from '../parse-file.ts'
import { importElastAlert } from './elastalert.ts'
import { type ImportOptions, type Imported, type Remark, textOf } from './imported.ts'
import { importSigma } from './sigma.ts'

export type ForeignKind = 'sigma' | 'elastalert'

export interface Carried {
  /** A rule file; empty where nothing could be carried over. */
  readonly yaml: string
  readonly count: number
  readonly remarks: readonly Remark[]
}

/** A foreign rule file as one of ours, checked as `rules lint` would; what does not pass is refused, not printed. */
export function carryOver(kind: ForeignKind, text: string, options: ImportOptions, context: ParseContext): Carried {
  const { rules, remarks }: Imported = kind === 'sigma' ? importSigma(text, options) : importElastAlert(text, options)
  const refused: Remark[] = []
  const good = withUniqueIds(rules).filter((rule) => {
    const errors = parseRuleFile(options.file, stringify({ rules: [rule] }), context).problems.filter(
      ({ severity }) => severity === 'error',
    )
    for (const { path, message } of errors)
      refused.push({
        kind: 'refused',
        file: options.file,
        line: 1,
        column: 1,
        message: `${textOf(rule['id'])}: ${path}: ${message}`,
      })
    return errors.length === 0
  })
  const yaml = good.length === 0 ? '' : stringify({ rules: good.map(inOrder) }, { lineWidth: 0 })
  if (rules.length === 0 && remarks.length === 0)
    refused.push({
      kind: 'refused',
      file: options.file,
      line: 1,
      column: 1,
      message: 'there is no rule in it, or it is nested too deep to be one',
    })
  return { yaml, count: good.length, remarks: [...remarks, ...refused] }
}

/** The keys of a rule as people write them. */
const order =
  `id topic type where groupBy count absence spike change newValue distinct ratio metric steps within ordered quiet
severity stage owner labels throttle digest summary description runbook falsePositives`.split(/\s+/)

function inOrder(rule: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = order.filter((key) => rule[key] !== undefined)
  const rest = Object.keys(rule).filter((key) => !order.includes(key) && rule[key] !== undefined)
  const entries = [...known, ...rest].map((key) => [key, rule[key]] as const)
  return Object.fromEntries(entries.filter(([, value]) => !isEmptyMap(value)))
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}

function withUniqueIds(rules: Imported['rules']): Imported['rules'] {
  const taken = new Map<string, number>()
  return rules.map((rule) => {
    const id = textOf(rule['id'])
    const before = taken.get(id) ?? 0
    taken.set(id, before + 1)
    return before === 0 ? rule : { ...rule, id: `${id}-${before + 1}` }
  })
}
