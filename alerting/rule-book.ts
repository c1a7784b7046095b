import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import type { Config } from '../runtime/config/schema.ts'
import { writeDurably, readJsonFile } from '../runtime/durable-file.ts'
import { ConfigError, formatProblem, type Problem } from '../runtime/errors.ts'
import { expandGlobs } from './expand-globs.ts'
import { readAhead, readRuleFiles, type RuleFiles } from './rule-files.ts'
import { type ActiveFile, assembleRuleSet, hasError, type RuleSet } from './rule-set.ts'
import { builtInRules } from './built-in-rules.ts'
import type { Rule } from './rules/rule.ts'
import { RulePieces } from './rules/rule-pieces.ts'

/** The rules that run, and how they come from the files. */
export interface RuleBook {
  /** Built-in rules included. */
  rules(): readonly Rule[]
  files(): readonly ActiveFile[]
  /** Reads what is new in the files, a few milliseconds at a time: a `reload` after it does not hold up the rest. */
  readAhead(settings?: AlertingConfig): Promise<void>
  /** Reads all files anew, those that `settings` names from now on; a bad one keeps what it had. */
  reload(settings?: AlertingConfig): void
  /** Did any file change since they were read last? */
  hasChanged(): boolean
}

/** Throws ConfigError with every problem where a file is bad and has no last good version. */
export function openRuleBook(config: Pick<Config, 'alerting' | 'dataDir' | 'timezone'>): RuleBook {
  const { dataDir, timezone = 'UTC' } = config
  let { alerting } = config
  const pieces = new RulePieces()
  const path = join(dataDir, 'alerting', 'rules-last-good.json')
  const lastGood = new Map(Object.entries((readJsonFile(path) ?? {}) as Record<string, string>))
  let read = readWithGoodOverrides(alerting, timezone, lastGood, pieces)
  let signature = signatureOf(read.looked)
  let set = withOverrides(assembleRuleSet(read, lastGood), read)
  const hopeless = set.files.filter(({ isStale, text }) => isStale && text === undefined)
  const problems = [...read.problems, ...hopeless.flatMap((file) => file.problems)]
  if (problems.some(({ severity }) => severity === 'error')) throw new ConfigError(unique(problems))
  remember(path, lastGood, set)
  pieces.sweep()
  return {
    rules: () => [...set.rules, ...builtInRules(alerting)],
    files: () => set.files,
    readAhead: (settings = alerting) => readAhead(settings, timezone, pieces),
    reload(settings = alerting) {
      alerting = settings
      const owners = new Map(set.rules.map(({ id, place }) => [id, place.file]))
      read = readWithGoodOverrides(alerting, timezone, lastGood, pieces)
      signature = signatureOf(read.looked)
      set = withOverrides(assembleRuleSet(read, lastGood, owners), read)
      remember(path, lastGood, set)
      pieces.sweep()
    },
    hasChanged: () => signatureOf([...expandGlobs(alerting.rules).files, ...read.looked]) !== signature,
  }
}

interface ReadFiles extends RuleFiles {
  /** Why the overrides file's own text is not used; absent where it is. */
  readonly refused?: readonly Problem[]
}

/** A bad overrides file keeps its last good version as well: rules must not go live because of a typing error in another file. */
function readWithGoodOverrides(
  alerting: Config['alerting'],
  timezone: string,
  lastGood: ReadonlyMap<string, string>,
  pieces: RulePieces,
): ReadFiles {
  const read = readRuleFiles(alerting, timezone, { pieces })
  const { overrides } = read
  if (!overrides) return read
  const all = [...overrides.problems, ...read.files.flatMap(({ parsed }) => parsed.problems)]
  const refused = all.filter(({ file, severity }) => file === overrides.path && severity === 'error')
  const good = lastGood.get(overrides.path)
  if (refused.length === 0 || good === undefined || good === overrides.text) return read
  const again = readRuleFiles(alerting, timezone, { overridesText: good, pieces })
  return { ...again, looked: new Set([...read.looked, ...again.looked]), refused: unique(refused) }
}

/** The overrides file beside the rule files: it is told of, and remembered, like them. */
function withOverrides(set: RuleSet, { overrides, refused }: ReadFiles): RuleSet {
  if (!overrides) return set
  const { path, text } = overrides
  const problems = refused ?? overrides.problems
  const isStale = refused !== undefined || hasError(problems)
  return { ...set, files: [...set.files, { path, text, rules: [], isStale, problems }] }
}

function unique(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [formatProblem(problem), problem])).values()]
}

/** Text that is good now is what a later bad one falls back to. */
function remember(path: string, lastGood: Map<string, string>, { files }: RuleSet): void {
  const kept = new Set(files.map((file) => file.path))
  let isNew = false
  for (const { path: file, text, isStale } of files) {
    if (isStale || text === undefined || lastGood.get(file) === text) continue
    lastGood.set(file, text)
    isNew = true
  }
  for (const file of lastGood.keys()) if (!kept.has(file)) isNew = lastGood.delete(file) || isNew
  if (isNew) writeDurably(path, JSON.stringify(Object.fromEntries(lastGood)))
}

/** What files show from outside; a swapped link shows as another file. */
function signatureOf(files: Iterable<string>): string {
  return [...new Set(files)]
    .toSorted()
    .map((file) => {
      const stats = statSync(file, { throwIfNoEntry: false })
      return stats ? `${file} ${stats.ino} ${stats.size} ${stats.mtimeMs}` : `${file} missing`
    })
    .join('\n')
}
