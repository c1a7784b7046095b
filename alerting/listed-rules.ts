import type { Problem } from '../runtime/errors.ts'
import type { RuleStatus } from './engine/engine.ts'
import type { RuleType } from './rules/schema.ts'
import type { Rule } from './rules/rule.ts'

/** A rule as it is listed, over HTTP and on the command line. */
export interface ListedRule {
  readonly id: string
  readonly type: RuleType
  readonly topics: readonly string[]
  readonly severity: string
  readonly stage: string
  readonly owner?: string
  readonly file: string
  readonly line: number
  /** These two only where it runs. */
  readonly keys?: number
  readonly watermarkMs?: number
}

export interface ListedFile {
  readonly path: string
  readonly isStale: boolean
  /** How many of its rules run. */
  readonly rules: number
  readonly problems: readonly Problem[]
}

export interface RuleListing {
  /** False: another alerter holds the state. Absent: none was asked. */
  readonly isActive?: boolean
  readonly files: readonly ListedFile[]
  readonly rules: readonly ListedRule[]
}

/** `status` of an alerter that runs it. */
export function listedRule({ id, spec, topics, severity, stage, owner, place }: Rule, status?: RuleStatus): ListedRule {
  return {
    id,
    type: spec.kind,
    topics,
    severity,
    stage,
    ...(owner !== undefined && { owner }),
    file: place.file,
    line: place.line,
    ...(status && { keys: status.keys }),
    ...(status?.watermarkMs !== undefined && { watermarkMs: status.watermarkMs }),
  }
}
