import { compileCondition, type SharedTests } from '../rules/predicate.ts'
import type { Rule, Spec } from '../rules/rule.ts'
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

/** Rules of the same type, bound and window have one: it keeps nothing of its own. */
export class Evaluators {
  readonly #known = new Map<string, Evaluator>()

  of(rule: Rule, context: EvaluatorContext): Evaluator {
    const name = shapeOf(rule.spec)
    if (name === undefined) return createEvaluator(rule, context)
    let evaluator = this.#known.get(name)
    if (!evaluator) this.#known.set(name, (evaluator = createEvaluator(rule, context)))
    return evaluator
  }
}

/** All that the meaning of the simple types depends on; undefined: each has an evaluator of its own. */
function shapeOf(spec: Spec): string | undefined {
  switch (spec.kind) {
    case 'match':
      return `match ${spec.quietMs}`
    case 'count':
      return `count ${spec.bound.operator} ${spec.bound.value} ${spec.withinMs}`
    default:
      return undefined
  }
}

/** The meaning of a rule's type. */
function createEvaluator({ spec }: Rule, { current, isSilent, shared }: EvaluatorContext): Evaluator {
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
