import { runVirtually } from '../../../../alerting/engine/virtual-run.ts'
import type { ImportOptions } from '../../../../alerting/rules/import/imported.ts'
import { carryOver, type ForeignKind } from '../../../../alerting/rules/import/print-imported.ts'
import { parseRuleFile } from '../../../../alerting/rules/parse-file.ts'
import { compileCondition } from '../../../../alerting/rules/predicate.ts'
import type { Rule } from '../../../../alerting/rules/rule.ts'

const context = { allowedLatenessMs: 30_000, timezone: 'UTC', keywords: () => undefined }

/** What came of a foreign file: its rules, as they run, and what was said. */
export function carried(kind: ForeignKind, text: string, options: Partial<ImportOptions> = {}) {
  const all = { file: 'x.yml', topic: 'APP' as const, fields: {}, dataset: 'any', ...options }
  const { yaml, remarks } = carryOver(kind, text, all, context)
  const { rules, problems } = parseRuleFile('out.yaml', yaml, context)
  const say = (what: string) =>
    remarks.filter((remark) => remark.kind === what).map(({ line, column, message }) => `${line}:${column} ${message}`)
  return {
    yaml,
    rules,
    problems: problems.map(({ message }) => message),
    refused: say('refused'),
    differs: say('differs'),
    notes: say('note'),
  }
}

/** Does the one rule take the event? */
export function takes(rules: readonly Rule[], event: Readonly<Record<string, unknown>>): boolean {
  const [rule] = rules
  if (!rule || rules.length !== 1) throw new Error(`${rules.length} rules`)
  return compileCondition(rule.where)(event)
}

/** Firings of events at seconds: `id @10`. */
export function firings(
  rules: readonly Rule[],
  events: ReadonlyArray<Readonly<Record<string, unknown>> & { readonly at: number }>,
  untilS = 3600,
): string[] {
  const startMs = Date.parse('2026-01-05T12:00:00Z')
  const found = runVirtually({
    rules,
    startMs,
    events: events.map(({ at, ...event }) => ({ atMs: startMs + at * 1000, topic: 'APP', event })),
    untilMs: startMs + untilS * 1000,
    allowedLatenessMs: 30_000,
  })
  return found
    .filter(({ kind }) => kind === 'firing')
    .map(({ atMs, record }) => `${record.ruleId} @${(atMs - startMs) / 1000}`)
}
