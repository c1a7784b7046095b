import { type Document, LineCounter, isMap, parseDocument } from 'yaml'
import type { z } from 'zod'
import { issueWords } from '../../runtime/config/issue-words.ts'
import { placeOf } from '../../runtime/config/places.ts'
import { loneAliases, maxAliases, tooManyAliases, yamlMistakes } from '../../runtime/config/yaml-words.ts'
import type { Problem } from '../../runtime/errors.ts'
import { explainIssue } from './explain-issue.ts'

/** By rule id, merged over the rule before it is checked. What is wrong with one is told where it stands. */
export interface Overrides {
  readonly file: string
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  placeOf(path: readonly PropertyKey[]): { line: number; column: number }
}

export const maxFileBytes = 16 * 2 ** 20

export interface Overlay {
  readonly overrides: Overrides
  readonly id: string
  readonly keys: readonly string[]
  /** How many steps lead to the rule. */
  readonly depth: number
}

/** A YAML document with its places and what is wrong with it. */
export class RuleDocument {
  readonly file: string
  readonly #document: Document
  readonly #lines = new LineCounter()
  readonly #firstLine: number
  readonly #problems: Problem[] = []
  errorCount = 0
  /** While a rule is read that is overridden: what is wrong with these keys stands in the overrides file. */
  overlay: Overlay | undefined

  /** `firstLine`: where the text begins in its file, from 0. */
  constructor(file: string, text: string, firstLine = 0) {
    this.file = file
    this.#firstLine = firstLine
    const document = text.length > maxFileBytes ? undefined : parseSafely(text, this.#lines)
    this.#document = document ?? parseDocument('')
    if (!document) this.report([], 'yaml', 'the file is larger than 16 MiB or nested too deep to be a rule file')
    this.#complainAt(yamlMistakes(this.#document))
  }

  root(shape = 'the file is a map with defaults and rules'): Record<string, unknown> | undefined {
    if (this.errorCount > 0) return undefined
    if (this.#document.contents === null) return {}
    if (!isMap(this.#document.contents)) {
      this.report([], 'yaml', shape)
      return undefined
    }
    return this.value() as Record<string, unknown> | undefined
  }

  /** As plain data. */
  value(): unknown {
    if (this.errorCount > 0) return undefined
    try {
      return this.#document.toJS({ maxAliasCount: maxAliases })
    } catch {
      const lone = loneAliases(this.#document)
      if (lone.length > 0) this.#complainAt(lone)
      else this.report([], 'yaml', tooManyAliases)
      return undefined
    }
  }

  /** What stands at a path, as a node or a plain value; for messages. */
  at(path: readonly PropertyKey[]): unknown {
    return this.#document.getIn(path)
  }

  placeOf(path: readonly PropertyKey[]): { line: number; column: number } {
    const { line, column } = placeOf(this.#document, this.#lines, path)
    return { line: line + this.#firstLine, column }
  }

  check<S extends z.ZodType>(schema: S, value: unknown, path: readonly PropertyKey[]): z.output<S> | undefined {
    const result = schema.safeParse(value, { error: issueWords, reportInput: true })
    if (result.success) return result.data
    for (const issue of result.error.issues) explainIssue(issue, path, schema, this)
    return undefined
  }

  report(path: readonly PropertyKey[], code: string, message: string, severity: Problem['severity'] = 'error'): void {
    const { overlay } = this
    if (overlay && overlay.keys.includes(String(path[overlay.depth]))) {
      const { file } = overlay.overrides
      const place = overlay.overrides.placeOf([overlay.id, ...path.slice(overlay.depth)])
      if (severity === 'error') this.errorCount++
      this.#problems.push({ file, ...place, path: code, message, severity })
      return
    }
    const { line, column } = this.placeOf(path)
    this.#push(line, column, code, message, severity)
  }

  #complainAt(found: readonly { readonly offset: number; readonly message: string }[]): void {
    for (const { offset, message } of found) {
      const { line, col } = this.#lines.linePos(offset)
      this.#push(line + this.#firstLine, col, 'yaml', message, 'error')
    }
  }

  #push(line: number, column: number, code: string, message: string, severity: Problem['severity']): void {
    if (severity === 'error') this.errorCount++
    this.#problems.push({ file: this.file, line, column, path: code, message, severity })
  }

  problems(): readonly Problem[] {
    return this.#problems.toSorted(byPlace)
  }
}

export function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column
}

/** Twenty thousand nested lists exhaust the parser's stack: that file is refused, the process goes on. */
function parseSafely(text: string, lineCounter: LineCounter): Document | undefined {
  try {
    return parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter, prettyErrors: false, uniqueKeys: true })
  } catch {
    return undefined
  }
}
