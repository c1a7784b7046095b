import type { Complaint, ConditionContext } from './condition.ts'

/** Says what is wrong with a rule, at the path within it. */
export function complain(
  context: ConditionContext,
  path: readonly PropertyKey[],
  code: string,
  message: string,
  severity: Complaint['severity'] = 'error',
): void {
  context.complain({ path, code, message, severity })
}
