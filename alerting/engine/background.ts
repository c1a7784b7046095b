import { attributionDataset } from '../../event/attribution.ts'
import { internalTag, type ThumpEvent } from '../../event/event.ts'
import type { Condition } from '../rules/condition.ts'
import { fieldValue, fieldValues } from '../rules/field.ts'
import { conditionsOf, type Rule } from '../rules/rule.ts'

const dataset = ['event', 'dataset']
const tags = ['tags']

/** Thump's own doings, and evidence of deeds that were counted already: rules see them only where they ask for them. */
export function isBackground(event: ThumpEvent): boolean {
  return (
    datasetOf(event) === attributionDataset ||
    (event.tags !== undefined && fieldValues(event, tags).includes(internalTag))
  )
}

function datasetOf(event: ThumpEvent): unknown {
  // As the product writes it; else it may be dotted, or not be at all.
  const plain: unknown = (event.event as { dataset?: unknown } | null | undefined)?.dataset
  return typeof plain === 'string' ? plain : fieldValue(event, dataset)
}

const asking = new WeakMap<Rule, boolean>()

/** A rule asks for them by testing `tags` or `event.dataset`, in whichever of its conditions. */
export function asksForBackground(rule: Rule): boolean {
  let asks = asking.get(rule)
  if (asks === undefined) asking.set(rule, (asks = conditionsOf(rule).some(tests)))
  return asks
}

function tests(condition: Condition): boolean {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return condition.parts.some(tests)
    case 'not':
      return tests(condition.part)
    case 'test':
      return /^(?:tags|event\.dataset)$/.test(condition.path.join('.'))
  }
}
