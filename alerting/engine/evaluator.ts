import { compileCondition, type SharedTests } from '../rules/predicate.ts'
import type { Rule } from '../rules/rule.ts'
import { createAbsence } from './absence.ts'
import { createComposite } from './composite.ts'
import { createChange, createNewValue } from './instants.ts'
import type { Evaluator } from './key-state.ts'
import { createLevel } from './level.ts'
import { countLevel, distinctLevel, metricLevel, ratioLevel, spikeLevel } from './levels.ts'
import { createMatch } from './match.ts'
import { createSequence } from './sequence.ts'

export interface EvaluatorContext {
  /** The rule as it stands now: what may be edited without a new beginning is read from here. */
  readonly current: () => Rule
  readonly isSilent: (nodes: readonly string[], watermarkMs: number) => boolean
  readonly shared: SharedTests
}

/** The meaning of a rule's type. */
export function createEvaluator({ spec }: Rule, { current, isSilent, shared }: EvaluatorContext): Evaluator {
  switch (spec.kind) {
    case 'match':
      return createMatch(spec)
    case 'count':
      return createLevel(countLevel(spec))
    case 'distinct':
      return createLevel(distinctLevel(spec))
    case 'ratio':
      return createLevel(ratioLevel(spec, compileCondition(spec.of, shared)))
    case 'spike':
      return createLevel(spikeLevel(spec))
    case 'metric':
      return createLevel(metricLevel(spec))
    case 'absence':
      return createAbsence(spec, () => current().active, isSilent)
    case 'change':
      return createChange(spec)
    case 'newValue':
      return createNewValue(spec)
    case 'sequence':
      return createSequence(
        spec,
        spec.steps.map(({ condition }) => compileCondition(condition, shared)),
      )
    case 'composite':
      return createComposite(spec)
  }
}
