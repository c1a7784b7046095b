import ipaddr from 'ipaddr.js'
import { RE2JS } from 're2js'
import type { Condition, Test } from './condition.ts'
import { type FieldPath, fieldValue, fieldValues } from './field.ts'
import { foldText, normalText, plainAddress } from './text.ts'
import { requiredLiteral } from './pattern.ts'
import { wordScanner } from './words.ts'

export type Predicate = (event: unknown) => boolean

/** Text beyond this many characters is not scanned by contains, keywords and regex: the line is flagged by its source. */
export const scannedCharacters = 32_768

/** Compiled once; `share` gives equal tests one predicate. */
export function compileCondition(condition: Condition, share: Map<string, Predicate> = new Map()): Predicate {
  switch (condition.kind) {
    case 'all': {
      const parts = condition.parts.map((part) => compileCondition(part, share))
      if (parts.length === 0) return () => true
      return (event) => parts.every((part) => part(event))
    }
    case 'any': {
      const parts = condition.parts.map((part) => compileCondition(part, share))
      return (event) => parts.some((part) => part(event))
    }
    case 'not': {
      const part = compileCondition(condition.part, share)
      return (event) => !part(event)
    }
    default: {
      const key = JSON.stringify(condition)
      const known = share.get(key)
      if (known) return known
      const made = compileTest(condition)
      share.set(key, made)
      return made
    }
  }
}

function compileTest(test: Test): Predicate {
  const { path, operator, values } = test
  if (operator === 'exists') {
    const wanted = values[0] === true
    return (event) => fieldValues(event, path).length > 0 === wanted
  }
  const accepts = valueTest(test)
  return (event) => anyValue(event, path, accepts)
}

function anyValue(event: unknown, path: FieldPath, accepts: (value: unknown) => boolean): boolean {
  const first = fieldValue(event, path)
  if (first === undefined) return false
  if (accepts(first)) return true
  const all = fieldValues(event, path)
  return all.length > 1 && all.some(accepts)
}

function valueTest({ operator, values, isCased }: Test): (value: unknown) => boolean {
  const normal = isCased ? normalText : foldText
  const texts = values.filter((value) => typeof value === 'string')
  const onText = (accepts: (text: string) => boolean) => (value: unknown) =>
    typeof value === 'string' &&
    accepts(normal(value.length > scannedCharacters ? value.slice(0, scannedCharacters) : value))
  const onNumber = (accepts: (number: number, bound: number) => boolean) => (value: unknown) =>
    typeof value === 'number' && values.some((bound) => accepts(value, bound as number))
  switch (operator) {
    case 'is':
    case 'in': {
      const set = new Set<unknown>(values)
      return (value) => set.has(typeof value === 'string' ? normal(plainAddress(value)) : value)
    }
    case 'contains':
    case 'keywordsFile': {
      const scan = wordScanner(texts)
      return onText((text) => scan(text))
    }
    case 'starts':
      return onText((text) => texts.some((start) => text.startsWith(start)))
    case 'ends':
      return (value) => typeof value === 'string' && texts.some((end) => normal(value).endsWith(end))
    case 'gt':
      return onNumber((number, bound) => number > bound)
    case 'gte':
      return onNumber((number, bound) => number >= bound)
    case 'lt':
      return onNumber((number, bound) => number < bound)
    case 'lte':
      return onNumber((number, bound) => number <= bound)
    case 'cidr': {
      const networks = texts.map(parseNetwork)
      return (value) => typeof value === 'string' && inAny(networks, value)
    }
    case 'regex': {
      const patterns = texts.map((pattern) => patternTest(pattern, isCased))
      return (value) => {
        if (typeof value !== 'string') return false
        const text = normalText(value.length > scannedCharacters ? value.slice(0, scannedCharacters) : value)
        return patterns.some((test) => test(text))
      }
    }
    case 'exists':
      return () => true
  }
}

function patternTest(pattern: string, isCased: boolean): (text: string) => boolean {
  const compiled = RE2JS.compile(pattern.normalize('NFC'), isCased ? 0 : RE2JS.CASE_INSENSITIVE)
  const literal = requiredLiteral(pattern)
  if (literal === undefined) return (text) => compiled.test(text)
  return (text) => foldText(text).includes(literal) && compiled.test(text)
}

type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

function parseNetwork(text: string): Network {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

function inAny(networks: readonly Network[], value: string): boolean {
  if (!ipaddr.isValid(value)) return false
  const address = ipaddr.process(value)
  return networks.some(
    ([network, bits]) => address.kind() === network.kind() && address.match([network, bits] as never),
  )
}
