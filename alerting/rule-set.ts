import type { Problem } from '../runtime/errors.ts'
import type { RuleFiles } from './rule-files.ts'
import { checkTogether } from './rules/lint.ts'
import type { ParsedFile } from './rules/parsed-file.ts'
import type { Rule } from './rules/rule.ts'

/** A file and what runs of it. */
export interface ActiveFile {
  readonly path: string
  /** The text that runs: the file's own, or its last good version; undefined where neither is good. */
  readonly text: string | undefined
  readonly rules: readonly Rule[]
  /** The file has an error: what runs is its last good version, or nothing. */
  readonly isStale: boolean
  readonly problems: readonly Problem[]
}

export interface RuleSet {
  readonly files: readonly ActiveFile[]
  readonly rules: readonly Rule[]
}

/**
 * All files taken together. A file with an error of its own, or one that shows only beside the others, runs in its last
 * good version; of an id defined twice the file that had it keeps it (`owners`), else the earlier by path.
 */
export function assembleRuleSet(
  { files, parse }: Pick<RuleFiles, 'files' | 'parse'>,
  lastGood: ReadonlyMap<string, string>,
  owners: ReadonlyMap<string, string> = new Map(),
): RuleSet {
  const active = new Map<string, ActiveFile>()
  for (const { path, text, parsed } of files) {
    const own: ActiveFile = { path, text, rules: parsed.rules, isStale: false, problems: parsed.problems }
    active.set(path, hasError(parsed.problems) ? fallBack(own, lastGood, parse) : own)
  }
  // Each round takes at least one file back; a file is taken back at most twice: to its last good version, then to nothing.
  for (let round = 0; round <= 2 * files.length; round++) {
    const bad = complaintsOf([...active.values()], owners)
    if (bad.size === 0) break
    for (const [path, problems] of bad) {
      const file = active.get(path)
      if (!file) continue
      const marked = { ...file, problems: [...file.problems, ...problems] }
      active.set(path, file.isStale ? { ...marked, text: undefined, rules: [] } : fallBack(marked, lastGood, parse))
    }
  }
  const all = [...active.values()]
  return { files: all, rules: all.flatMap(({ rules }) => rules) }
}

export function hasError(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error')
}

function fallBack(
  file: ActiveFile,
  lastGood: ReadonlyMap<string, string>,
  parse: (path: string, text: string) => ParsedFile,
): ActiveFile {
  const text = lastGood.get(file.path)
  const old = text === undefined || text === file.text ? undefined : parse(file.path, text)
  const isGood = old !== undefined && !hasError(old.problems)
  return { ...file, text: isGood ? text : undefined, rules: isGood ? old.rules : [], isStale: true }
}

/** Errors that show only between files, by the file that must give way. */
function complaintsOf(files: readonly ActiveFile[], owners: ReadonlyMap<string, string>): Map<string, Problem[]> {
  // Who had an id keeps it: the owners' rules come first, the rest in the order of their paths.
  const rules = files.flatMap((file) => file.rules)
  const isOwner = ({ id, place }: Rule) => owners.get(id) === place.file
  const found = new Map<string, Problem[]>()
  for (const { rule, code, message, severity } of checkTogether([
    ...rules.filter(isOwner),
    ...rules.filter((rule) => !isOwner(rule)),
  ])) {
    if (severity === 'error')
      found.set(rule.place.file, [
        ...(found.get(rule.place.file) ?? []),
        { ...rule.place, path: code, message, severity },
      ])
  }
  return found
}
