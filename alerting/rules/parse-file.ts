import type { Problem } from '../../runtime/errors.ts'
import { suggestion } from '../../runtime/config/suggest.ts'
import { isPlainMap, type ParseContext, parseRule } from './parse-rule.ts'
import type { ParsedFile } from './parsed-file.ts'
import type { Rule } from './rule.ts'
import type { RulePieces } from './rule-pieces.ts'
import { type Overrides, RuleDocument } from './rule-document.ts'
import { defaultsSchema, overrideSchema } from './schema.ts'

/** One rule file: every problem with its place, every rule that has none. Never throws. */
export function parseRuleFile(file: string, text: string, context: ParseContext, pieces?: RulePieces): ParsedFile {
  return pieces?.parse(file, text, context) ?? parseWhole(file, text, context)
}

function parseWhole(file: string, text: string, context: ParseContext): ParsedFile {
  const reader = new RuleDocument(file, text)
  const rules: Rule[] = []
  const root = reader.root()
  const ids: string[] = []
  if (root) {
    for (const key of Object.keys(root))
      if (key !== 'defaults' && key !== 'rules')
        reader.report([key], 'unknown-key', `unknown key "${key}"${suggestion(key, ['defaults', 'rules'])}`)
    const defaults = reader.check(defaultsSchema, root['defaults'] ?? {}, ['defaults']) ?? {}
    const list = root['rules'] ?? []
    if (!Array.isArray(list)) reader.report(['rules'], 'rules', 'rules is a list')
    else {
      list.forEach((item: unknown, index) => {
        if (isPlainMap(item) && typeof item['id'] === 'string') ids.push(item['id'])
        const rule = parseRule(item, ['rules', index], defaults, reader, context)
        if (rule) rules.push(rule)
      })
    }
  }
  return { file, rules, ids: root && ids, problems: reader.problems() }
}

/** The overrides file: `id: {stage, severity, bounds …}`. */
export function parseOverrides(file: string, text: string): { overrides: Overrides; problems: readonly Problem[] } {
  const reader = new RuleDocument(file, text)
  const values: Record<string, Record<string, unknown>> = {}
  for (const [id, value] of Object.entries(reader.root('the file is a map of rule ids') ?? {})) {
    if (reader.check(overrideSchema, value, [id])) values[id] = value as Record<string, unknown>
  }
  const placeOf = (path: readonly PropertyKey[]) => reader.placeOf(path)
  return { overrides: { file, values, placeOf }, problems: reader.problems() }
}
