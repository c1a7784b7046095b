import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import type { Problem } from '../runtime/errors.ts'
import { whyUnreadable } from '../runtime/why-unreadable.ts'
import { expandGlobs } from './expand-globs.ts'
import { suggestion } from '../runtime/config/suggest.ts'
import { parseOverrides, parseRuleFile } from './rules/parse-file.ts'
import type { ParsedFile } from './rules/parsed-file.ts'
import type { ParseContext } from './rules/parse-rule.ts'
import type { Overrides } from './rules/rule-document.ts'
import type { RulePieces } from './rules/rule-pieces.ts'

/** One rule file as it lies on the disk. */
export interface RuleFile {
  readonly path: string
  /** Undefined where it cannot be read: then `parsed` says so. */
  readonly text: string | undefined
  readonly parsed: ParsedFile
}

/** The overrides file as it was read. */
export interface ReadOverrides {
  readonly path: string
  readonly text: string | undefined
  readonly overrides: Overrides | undefined
  readonly problems: readonly Problem[]
}

export interface RuleFiles {
  /** Absent where none is configured. */
  readonly overrides?: ReadOverrides
  readonly files: readonly RuleFile[]
  /** Of the configuration: files that are not there, and the overrides file. */
  readonly problems: readonly Problem[]
  readonly parse: (path: string, text: string) => ParsedFile
  /** Every file that was looked at, dictionaries and overrides included: what is watched. */
  readonly looked: ReadonlySet<string>
}

type RuleSettings = Pick<AlertingConfig, 'rules' | 'overrides' | 'allowedLateness'>

export interface ReadOptions {
  /** Instead of the configured files. */
  readonly paths?: readonly string[] | undefined
  /** The overrides' text that is used instead of the file's. */
  readonly overridesText?: string | undefined
  /** What was read before: of a rule that stands there as it stood, nothing is done anew. */
  readonly pieces?: RulePieces
}

/** Reads and parses every rule file the configuration names, the overrides merged in. */
export function readRuleFiles(
  config: RuleSettings,
  timezone = 'UTC',
  { paths, overridesText, pieces }: ReadOptions = {},
): RuleFiles {
  const { files, missing } = expandGlobs(paths ?? config.rules)
  const problems: Problem[] = missing.map((file) => problem(file, 'alerting.rules', 'no such rule file'))
  const looked = new Set([...files, ...missing])
  if (config.overrides !== undefined) looked.add(config.overrides)
  const overrides = config.overrides === undefined ? undefined : readOverrides(config.overrides, overridesText)
  const contextOf = contextsOf(config, timezone, overrides?.overrides, looked)
  const parse = (path: string, text: string) => parseRuleFile(path, text, contextOf(path), pieces)
  const read = files.map((path) => readRuleFile(path, parse))
  if (overrides) problems.push(...overrides.problems)
  // Beside a few files, ids of the others are no mistake.
  if (overrides && !paths) problems.push(...strayOverrides(overrides.overrides, read))
  return { files: read, problems, parse, looked, ...(overrides && { overrides }) }
}

function contextsOf(
  { allowedLateness }: RuleSettings,
  timezone: string,
  overrides: Overrides | undefined,
  looked: Set<string>,
): (path: string) => ParseContext {
  return (path) => ({
    allowedLatenessMs: allowedLateness,
    timezone,
    keywords: (file) => readKeywords(resolveFrom(path, file), looked),
    ...(overrides && { overrides }),
  })
}

const sliceMs = 10

/** Reads what is new in the rule files into `pieces`, a few milliseconds at a time; what is wrong is told by `readRuleFiles`. */
export async function readAhead(config: RuleSettings, timezone: string, pieces: RulePieces): Promise<void> {
  const overrides = config.overrides === undefined ? undefined : readOverrides(config.overrides, undefined)
  const contextOf = contextsOf(config, timezone, overrides?.overrides, new Set())
  let sinceMs = performance.now()
  for (const path of expandGlobs(config.rules).files) {
    for (const _ of stepsOf(path, contextOf(path), pieces)) {
      if (performance.now() - sinceMs < sliceMs) continue
      await setImmediate()
      sinceMs = performance.now()
    }
  }
}

function* stepsOf(path: string, context: ParseContext, pieces: RulePieces): Generator<undefined> {
  let text: string
  try {
    text = decode(readFileSync(path))
  } catch {
    return
  }
  yield* pieces.steps(path, text, context)
}

/** An id that no rule has does nothing: told, since it is as a rule mistyped. */
function strayOverrides(overrides: Overrides | undefined, files: readonly RuleFile[]): Problem[] {
  if (!overrides) return []
  // A file that cannot be read as YAML may hold the rule.
  if (files.some(({ parsed }) => parsed.ids === undefined)) return []
  const ids = files.flatMap(({ parsed }) => parsed.ids ?? [])
  return Object.keys(overrides.values)
    .filter((id) => !ids.includes(id))
    .map((id) => ({
      file: overrides.file,
      ...overrides.placeOf([id]),
      path: 'override',
      message: `no rule "${id}"${suggestion(id, ids)}`,
      severity: 'warning' as const,
    }))
}

function readRuleFile(path: string, parse: RuleFiles['parse']): RuleFile {
  try {
    const text = decode(readFileSync(path))
    return { path, text, parsed: parse(path, text) }
  } catch (error) {
    const problems = [problem(path, 'file', reasonOf(error))]
    return { path, text: undefined, parsed: { file: path, rules: [], ids: undefined, problems } }
  }
}

function readOverrides(path: string, instead: string | undefined): ReadOverrides {
  try {
    const text = instead ?? decode(readFileSync(path))
    return { path, text, ...parseOverrides(path, text) }
  } catch (error) {
    return {
      path,
      text: undefined,
      overrides: undefined,
      problems: [problem(path, 'alerting.overrides', reasonOf(error))],
    }
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

function reasonOf(error: unknown): string {
  return error instanceof TypeError ? 'the file is not UTF-8 text' : whyUnreadable(error)
}

/** A dictionary's path is meant from its rule file. */
function resolveFrom(ruleFile: string, file: string): string {
  return isAbsolute(file) ? file : join(dirname(ruleFile), file)
}

/** One word a line. */
function readKeywords(path: string, looked: Set<string>): readonly string[] | undefined {
  looked.add(path)
  try {
    const text = readFileSync(path, 'utf8')
    const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
    return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  } catch {
    return undefined
  }
}

function problem(file: string, path: string, message: string): Problem {
  return { file, line: 0, column: 0, path, message, severity: 'error' }
}
