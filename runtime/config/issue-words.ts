import type { z } from 'zod'
import { suggestion } from './suggest.ts'

/** What a schema's own words do not cover, said as the file's writer would: it follows the key. Pass it to `safeParse`. */
export function issueWords(issue: z.core.$ZodRawIssue): string {
  const { input } = issue
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, input)
    case 'too_small':
      return tooSmall(issue)
    case 'too_big':
      return tooBig(issue)
    case 'invalid_value':
      return noneOf(input, issue.values.map(String))
    case 'invalid_format':
      return badFormat(issue)
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}, not ${shown(input)}`
    case 'unrecognized_keys':
      return `has unknown keys: ${issue.keys.join(', ')}`
    case 'invalid_key':
      return 'has an empty or unusable name'
    case 'invalid_union':
      return wrongBranch(issue)
    default:
      return 'has a value that cannot be used'
  }
}

/** Are these words this module's, and not the schema's own? */
export function isPlain(issue: z.core.$ZodIssue): boolean {
  return issue.message === issueWords(issue as z.core.$ZodRawIssue)
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map',
  record: 'a map',
  string: 'text',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
}

function wrongType(expected: string, input: unknown): string {
  const kind = kinds[expected] ?? `a ${expected}`
  if (input === undefined) return `is required: ${kind}`
  if (input === null) return `has no value: give ${kind}, or remove the key`
  // What should be text may be a password that looks like a number: its kind is told, never itself.
  if (expected === 'string') {
    const isMeantAsText = typeof input === 'number' || typeof input === 'boolean'
    return `must be text, not ${kindOf(input)}${isMeantAsText ? '; put it in quotes' : ''}`
  }
  if (expected === 'array') return `must be a list, not ${kindOf(input)}`
  if (kind === 'a map') return `must be a map, not ${kindOf(input)}`
  return `must be ${kind}, not ${shown(input)}`
}

function tooSmall({ input, origin, minimum, inclusive }: Extract<z.core.$ZodRawIssue, { code: 'too_small' }>): string {
  if (origin === 'string') return Number(minimum) <= 1 ? 'is empty' : `must have at least ${minimum} characters`
  if (origin === 'array') return Number(minimum) <= 1 ? 'is an empty list' : `must have at least ${minimum} entries`
  return `must be ${inclusive === false ? 'greater than' : 'at least'} ${minimum}, not ${shown(input)}`
}

function tooBig({ input, origin, maximum, inclusive }: Extract<z.core.$ZodRawIssue, { code: 'too_big' }>): string {
  if (origin === 'string') return `must have at most ${maximum} characters`
  if (origin === 'array') return `must have at most ${maximum} entries`
  return `must be ${inclusive === false ? 'less than' : 'at most'} ${maximum}, not ${shown(input)}`
}

function badFormat({ format, pattern }: Extract<z.core.$ZodRawIssue, { code: 'invalid_format' }>): string {
  if (format === 'url') return 'is not a URL; write it as https://host/path'
  return pattern === undefined ? `is not ${format}` : `does not match ${pattern}`
}

/** A union whose type nobody knows, or none of whose forms fits. */
function wrongBranch(issue: Extract<z.core.$ZodRawIssue, { code: 'invalid_union' }>): string {
  const { input, discriminator } = issue
  const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : []
  if (discriminator === undefined || options.length === 0) return 'has a value that cannot be used'
  return noneOf((input as Record<string, unknown> | undefined)?.[discriminator], options)
}

function noneOf(given: unknown, known: readonly string[]): string {
  const choice = known.length === 1 ? String(known[0]) : `one of ${known.join(', ')}`
  if (given === undefined) return `is required: ${choice}`
  return `must be ${choice}, not ${shown(given)}${typeof given === 'string' ? suggestion(given, known) : ''}`
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  return typeof input === 'object' ? 'a map' : (kinds[typeof input] ?? typeof input)
}

function shown(input: unknown): string {
  return typeof input === 'object' && input !== null ? kindOf(input) : (JSON.stringify(input) ?? 'nothing')
}
