import type { Problem } from '../../runtime/errors.ts'
import type { Rule } from './rule.ts'

/** What a rule file holds. */
export interface ParsedFile {
  readonly file: string
  /** Rules without an error; `off` ones included. */
  readonly rules: readonly Rule[]
  /** Of all rules, with an error or not; undefined where the file cannot be read. */
  readonly ids: readonly string[] | undefined
  /** All of them, in the order of the file. `path` is the code. */
  readonly problems: readonly Problem[]
}
