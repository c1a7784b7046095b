import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../runtime/config/schema.ts'
import { writeDurably, readJsonFile } from '../runtime/durable-file.ts'
import { ConfigError } from '../runtime/errors.ts'
import { expandGlobs } from './expand-globs.ts'
import { readRuleFiles } from './rule-files.ts'
import { type ActiveFile, assembleRuleSet, type RuleSet } from './rule-set.ts'
import { builtInRules } from './built-in-rules.ts'
import type { Rule } from './rules/rule.ts'

/** The rules that run, and how they come from the files. */
export interface RuleBook {
  /** Built-in rules included. */
  rules(): readonly Rule[]
  files(): readonly ActiveFile[]
  /** Reads all files anew; a bad one keeps what it had. */
  reload(): void
  /** Did any file change since they were read last? */
  hasChanged(): boolean
}

/** Throws ConfigError with every problem where a file is bad and has no last good version. */
export function openRuleBook(config: Pick<Config, 'alerting' | 'dataDir' | 'timezone'>): RuleBook {
  const { alerting, dataDir, timezone = 'UTC' } = config
  const path = join(dataDir, 'alerting', 'rules-last-good.json')
  const lastGood = new Map(Object.entries((readJsonFile(path) ?? {}) as Record<string, string>))
  let read = readRuleFiles(alerting, timezone)
  let signature = signatureOf(read.looked)
  let set = assembleRuleSet(read, lastGood)
  const hopeless = set.files.filter(({ isStale, text }) => isStale && text === undefined)
  const problems = [...read.problems, ...hopeless.flatMap((file) => file.problems)]
  if (problems.some(({ severity }) => severity === 'error')) throw new ConfigError(problems)
  remember(path, lastGood, set)
  return {
    rules: () => [...set.rules, ...builtInRules(alerting)],
    files: () => set.files,
    reload() {
      const owners = new Map(set.rules.map(({ id, place }) => [id, place.file]))
      read = readRuleFiles(alerting, timezone)
      signature = signatureOf(read.looked)
      set = assembleRuleSet(read, lastGood, owners)
      remember(path, lastGood, set)
    },
    hasChanged: () => signatureOf([...expandGlobs(alerting.rules).files, ...read.looked]) !== signature,
  }
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
