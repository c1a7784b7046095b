import type { Problem } from '../../runtime/errors.ts'
import type { ParsedFile } from './parsed-file.ts'
import { isPlainMap, type ParseContext, parseRule } from './parse-rule.ts'
import { byPlace, maxFileBytes, RuleDocument } from './rule-document.ts'
import type { Rule } from './rule.ts'
import { defaultsSchema } from './schema.ts'
import { splitRules } from './split-rules.ts'

/** A rule by itself, its places counted from where it begins. */
interface Piece {
  readonly id: string
  readonly rule: Rule
  readonly problems: readonly Problem[]
  /** The place of `rule`. */
  readonly at: { readonly file: string; readonly line: number }
}

type Defaults = NonNullable<Parameters<typeof parseRule>[2]>

/**
 * What was read before, a rule at a time: a rule that stands in a file as it stood is the same object as before, and costs
 * no more than finding it. Only files without an error are read in pieces, since whatever is wrong is told of the whole.
 */
export class RulePieces {
  /** By all that a rule depends on, then by its text. */
  #known = new Map<string, Map<string, Piece>>()
  #used = new Map<string, Map<string, Piece>>()

  /** Undefined where the file must be read as one. */
  parse(file: string, text: string, context: ParseContext): ParsedFile | undefined {
    const steps = this.steps(file, text, context)
    for (;;) {
      const { done, value } = steps.next()
      if (done) return value
    }
  }

  /** The same a rule at a time, so that other work may go on between: what was read so is found by `parse`. */
  *steps(file: string, text: string, context: ParseContext): Generator<undefined, ParsedFile | undefined> {
    const texts = text.length > maxFileBytes ? undefined : splitRules(text)
    const defaults = texts && defaultsOf(file, texts.head)
    if (!defaults) return undefined
    const { allowedLatenessMs, timezone } = context
    const around = JSON.stringify([file, defaults, allowedLatenessMs, timezone])
    const known = this.#known.get(around)
    const used = this.#used.get(around) ?? new Map<string, Piece>()
    this.#used.set(around, used)
    const pieces: Piece[] = []
    for (const { text: source, line } of texts.rules) {
      const found = used.get(source) ?? known?.get(source)
      const isFresh = !found || Object.hasOwn(context.overrides?.values ?? {}, found.id)
      const piece = isFresh ? parsePiece(file, source, line, defaults, context) : movedTo(found, line)
      if (!piece) return undefined
      pieces.push(piece)
      if (isKept(piece, source, context)) used.set(source, piece)
      if (isFresh) yield
    }
    return {
      file,
      rules: pieces.map(({ rule }) => rule),
      ids: pieces.map(({ id }) => id),
      problems: pieces.flatMap(({ problems }) => problems).toSorted(byPlace),
    }
  }

  /** All files have been read: what stands in none of them is forgotten. */
  sweep(): void {
    this.#known = this.#used
    this.#used = new Map()
  }
}

/** A dictionary's words and an override may change without the rule's own text. */
function isKept({ id }: Piece, source: string, { overrides }: ParseContext): boolean {
  return !source.includes('keywordsFile') && !Object.hasOwn(overrides?.values ?? {}, id)
}

/** Undefined where anything is wrong, or stands there beside the defaults. */
function defaultsOf(file: string, head: string): Defaults | undefined {
  const document = new RuleDocument(file, head)
  const root = document.root()
  if (!root || Object.keys(root).some((key) => key !== 'defaults' && key !== 'rules')) return undefined
  return document.check(defaultsSchema, root['defaults'] ?? {}, ['defaults'])
}

function parsePiece(
  file: string,
  source: string,
  line: number,
  defaults: Defaults,
  context: ParseContext,
): Piece | undefined {
  const document = new RuleDocument(file, source, line)
  const list = document.value()
  if (!Array.isArray(list) || list.length !== 1 || !isPlainMap(list[0])) return undefined
  const rule = parseRule(list[0], [0], defaults, document, context)
  if (!rule || document.errorCount > 0) return undefined
  return { id: rule.id, rule, problems: document.problems(), at: { file, line } }
}

function movedTo(piece: Piece, line: number): Piece {
  const by = line - piece.at.line
  if (by === 0) return piece
  const { rule, problems, at } = piece
  const { place, testLines } = rule
  return {
    ...piece,
    rule: {
      ...rule,
      place: { ...place, line: place.line + by },
      ...(testLines && { testLines: testLines.map((own) => own + by) }),
    },
    problems: problems.map((problem) => ({ ...problem, line: problem.line + by })),
    at: { ...at, line },
  }
}
