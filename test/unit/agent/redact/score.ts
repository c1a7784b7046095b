import type { Redactor } from '../../../../agent/redact/redactor.ts'
import type { Labelled } from './corpus.ts'

export interface Score {
  readonly kind: string
  readonly lines: number
  /** Things to mask of which nothing is left to read. */
  readonly masked: number
  /** Lines in which something else was masked. */
  readonly falseAlarms: number
}

/** How a redactor fares, by kind of line. */
export function scoreOf(redactor: Redactor, lines: readonly Labelled[]): readonly Score[] {
  const scores = new Map<string, { lines: number; masked: number; falseAlarms: number }>()
  for (const { kind, text, rule, value } of lines) {
    const score = scores.get(kind) ?? { lines: 0, masked: 0, falseAlarms: 0 }
    scores.set(kind, score)
    const counts = new Map<string, number>()
    const result = redactor.text(text, (name, count) => counts.set(name, (counts.get(name) ?? 0) + count))
    score.lines++
    if (rule !== undefined && value !== undefined && counts.has(rule) && !result.includes(value)) score.masked++
    const expected = rule !== undefined && counts.has(rule) ? 1 : 0
    if ([...counts.values()].reduce((sum, count) => sum + count, 0) > expected) score.falseAlarms++
  }
  return [...scores].map(([kind, score]) => ({ kind, ...score }))
}

/** Of what was masked, how much had to be; of what had to be masked, how much was. */
export function precisionAndRecall(scores: readonly Score[], lines: readonly Labelled[]) {
  const masked = scores.reduce((sum, score) => sum + score.masked, 0)
  const falseAlarms = scores.reduce((sum, score) => sum + score.falseAlarms, 0)
  const labelled = lines.filter(({ rule }) => rule !== undefined).length
  return { precision: masked / (masked + falseAlarms), recall: masked / labelled }
}
