import { createHmac } from 'node:crypto'
import type { ThumpEvent } from '../../event/event.ts'
import { cards } from './cards.ts'
import { type Detector, replaceSpans, type StandIn } from './detector.ts'
import { createDictionary } from './dictionary.ts'
import { asciiDigits } from './digits.ts'
import { accounts, licences, names, passports } from './documents.ts'
import { emails } from './emails.ts'
import { createMayHit } from './may-hit.ts'
import { createPatternRule } from './own-rules.ts'
import { phones } from './phones.ts'
import { rrn } from './rrn.ts'
import { secrets } from './secrets.ts'
import { maskEvent } from './walk.ts'

export interface RedactRule {
  readonly name: string
  readonly pattern?: string | undefined
  /** The words of its dictionary file. */
  readonly words?: readonly string[] | undefined
  readonly replace: string
}

export interface RedactOptions {
  readonly builtin: readonly string[]
  readonly rules: readonly RedactRule[]
  /** Where it is set, equal values get equal stand-ins: `[phones:3f9aC0d1e2]`. */
  readonly hmacKey?: Uint8Array | undefined
}

/** Told of each thing masked: the rule, and how many. */
export type Count = (rule: string, count: number) => void

export interface Redactor {
  /** May anything of a line's bytes be masked? False is a promise; true is a guess, made fast. */
  mayHit(bytes: Uint8Array, start: number, end: number): boolean
  text(text: string, count?: Count): string
  /** Masks in place all that strangers wrote into it, and adds to `redacted` what was masked. Again does nothing. */
  event(event: ThumpEvent): void
}

/** Before the rest: what is left of a masked secret must not look like an address. The order is the order of masking. */
const builtins: readonly Detector[] = [secrets, cards, rrn, licences, passports, accounts, phones, emails, names]
export const builtinNames: readonly string[] = builtins.map(({ name }) => name)
/** Most texts come again and again: names, keys, sentences about them. Those found clean are remembered. */
const maxKept = 10_000
const maxKeptLength = 200
const longNumber = /\d(?:[ .()-]{0,3}\d){7,}/

/** Throws where a pattern is not RE2's syntax or a builtin is unknown. */
export function createRedactor({ builtin, rules, hmacKey }: RedactOptions): Redactor {
  const unknown = builtin.find((name) => !builtinNames.includes(name))
  if (unknown !== undefined)
    throw new Error(`no builtin rule is called ${unknown}; there are: ${builtinNames.join(', ')}`)
  const own = rules.flatMap(({ name, pattern, words, replace }) => [
    ...(pattern === undefined ? [] : [createPatternRule(name, pattern, replace)]),
    ...(words === undefined || words.length === 0 ? [] : [createDictionary(name, words, replace)]),
  ])
  const detectors = [...own, ...builtins.filter(({ name }) => builtin.includes(name))]
  const standIn: StandIn = (rule, value) =>
    hmacKey === undefined
      ? `[${rule}]`
      : `[${rule}:${createHmac('sha256', hmacKey).update(`${rule}:${value}`).digest('hex').slice(0, 10)}]`
  const clean = new Set<string>()
  const text = (from: string, count?: Count): string => {
    if (clean.has(from)) return from
    let result = from
    let digits = asciiDigits(result)
    const hasNumber = longNumber.test(digits)
    for (const detector of detectors) {
      if (detector.isNumeric && !hasNumber) continue
      const text = result
      // A mask that is found again is not counted again.
      const spans = detector
        .find(text, digits, standIn)
        .filter((span) => text.slice(span.start, span.end) !== span.replace)
      if (spans.length === 0) continue
      result = replaceSpans(result, spans)
      digits = asciiDigits(result)
      count?.(detector.name, spans.length)
    }
    if (result === from && from.length <= maxKeptLength) {
      if (clean.size >= maxKept) clean.clear()
      clean.add(from)
    }
    return result
  }
  return {
    mayHit: own.length > 0 ? () => true : createMayHit(builtin),
    text,
    event: (event) => maskEvent(event, text),
  }
}
