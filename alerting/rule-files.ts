import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import type { Problem } from '../runtime/errors.ts'
import { expandGlobs } from './expand-globs.ts'
import { type ParseContext, type ParsedFile, parseOverrides, parseRuleFile } from './rules/parse-file.ts'

/** One rule file as it lies on the disk. */
export interface RuleFile {
  readonly path: string
  /** Undefined where it cannot be read: then `parsed` says so. */
  readonly text: string | undefined
  readonly parsed: ParsedFile
}

export interface RuleFiles {
  readonly files: readonly RuleFile[]
  /** Of the configuration: files that are not there, and the overrides file. */
  readonly problems: readonly Problem[]
  readonly parse: (path: string, text: string) => ParsedFile
  /** Every file that was looked at, dictionaries and overrides included: what is watched. */
  readonly looked: ReadonlySet<string>
}

type RuleSettings = Pick<AlertingConfig, 'rules' | 'overrides' | 'allowedLateness'>

/** Reads and parses every rule file the configuration names; `paths` instead of those where given. */
export function readRuleFiles(config: RuleSettings, timezone = 'UTC', paths?: readonly string[]): RuleFiles {
  const { files, missing } = expandGlobs(paths ?? config.rules)
  const problems: Problem[] = missing.map((file) => problem(file, 'alerting.rules', 'no such rule file'))
  const looked = new Set([...files, ...missing])
  if (config.overrides !== undefined) looked.add(config.overrides)
  const overrides = config.overrides === undefined ? undefined : readOverrides(config.overrides, problems)
  const parse = (path: string, text: string) => {
    const context: ParseContext = {
      allowedLatenessMs: config.allowedLateness,
      timezone,
      keywords: (file) => readKeywords(resolveFrom(path, file), looked),
      ...(overrides && { overrides }),
    }
    return parseRuleFile(path, text, context)
  }
  return { files: files.map((path) => readRuleFile(path, parse)), problems, parse, looked }
}

function readRuleFile(path: string, parse: RuleFiles['parse']): RuleFile {
  try {
    const bytes = readFileSync(path)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { path, text, parsed: parse(path, text) }
  } catch (error) {
    const reason = error instanceof TypeError ? 'the file is not UTF-8 text' : messageOf(error)
    return { path, text: undefined, parsed: { file: path, rules: [], problems: [problem(path, 'file', reason)] } }
  }
}

function readOverrides(path: string, problems: Problem[]): Record<string, Record<string, unknown>> | undefined {
  try {
    const parsed = parseOverrides(path, readFileSync(path, 'utf8'))
    problems.push(...parsed.problems)
    return parsed.overrides
  } catch (error) {
    problems.push(problem(path, 'alerting.overrides', messageOf(error)))
    return undefined
  }
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
