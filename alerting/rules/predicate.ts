import ipaddr from 'ipaddr.js'
import { RE2JS } from 're2js'
import type { Condition, Test } from './condition.ts'
import { type FieldPath, fieldValue, fieldValues } from './field.ts'
import { foldText, normalText, plainAddress } from './text.ts'
import { requiredLiteral } from './pattern.ts'
import { wordScanner } from './words.ts'

export type Predicate = (event: unknown) => boolean

/** Text beyond this many characters is not scanned by contains, keywords and regex: the engine counts such events. */
export const scannedCharacters = 32_768

/** What many tests ask of one event is worked out once: equal tests, and what a field holds. */
export class SharedTests {
  /** The first that asks has the test as it is: remembering the event for one alone costs more than it saves. */
  readonly #tests = new Map<string, { readonly bare: Predicate; shared?: Predicate }>()
  readonly #fields = new Map<string, Field>()

  test(test: Test): Predicate {
    const bare = () => compileTest(test, this.#field(test.path))
    if (test.values.length > 100) return bare()
    const key = JSON.stringify(test)
    const known = this.#tests.get(key)
    if (known) return (known.shared ??= once(known.bare))
    const made = { bare: bare() }
    this.#tests.set(key, made)
    return made.bare
  }

  #field(path: FieldPath): Field {
    const name = JSON.stringify(path)
    const known = this.#fields.get(name)
    if (known) return known
    const made = new Field(path)
    this.#fields.set(name, made)
    return made
  }
}

/** The same event asked again gets the same answer. */
function once(test: Predicate): Predicate {
  let last: unknown
  let answer = false
  return (event) => {
    if (event !== last) {
      answer = test(event)
      last = event
    }
    return answer
  }
}

/** A field of the event in hand. */
class Field {
  readonly #path: FieldPath
  #event: unknown
  #first: unknown
  /** Its values beyond the first; undefined: not asked yet. */
  #others: readonly unknown[] | undefined
  #text: unknown
  #folded = ''

  constructor(path: FieldPath) {
    this.#path = path
  }

  isPresent(event: unknown): boolean {
    return this.#firstOf(event) !== undefined
  }

  any(event: unknown, accepts: (value: unknown) => boolean): boolean {
    const first = this.#firstOf(event)
    if (first === undefined) return false
    return accepts(first) || this.#othersOf(event).some(accepts)
  }

  /** One of its values is this folded text, or this value of another kind. */
  is(event: unknown, wanted: unknown): boolean {
    const first = this.#firstOf(event)
    if (first === undefined) return false
    const isWanted = (value: unknown) => (typeof value === 'string' ? this.folded(value) : value) === wanted
    return isWanted(first) || this.#othersOf(event).some(isWanted)
  }

  /** One of its texts holds this folded one. */
  contains(event: unknown, wanted: string): boolean {
    const first = this.#firstOf(event)
    if (first === undefined) return false
    const holds = (value: unknown) => typeof value === 'string' && this.folded(value).includes(wanted)
    return holds(first) || this.#othersOf(event).some(holds)
  }

  /** As far as it is scanned, folded. */
  folded(text: string): string {
    if (text !== this.#text) {
      this.#text = text
      this.#folded = foldText(scanned(text))
    }
    return this.#folded
  }

  #firstOf(event: unknown): unknown {
    if (event !== this.#event || event === undefined) {
      this.#event = event
      this.#first = fieldValue(event, this.#path)
      this.#others = undefined
    }
    return this.#first
  }

  #othersOf(event: unknown): readonly unknown[] {
    return (this.#others ??= fieldValues(event, this.#path).slice(1))
  }
}

/** Compiled once; what is `shared` is worked out once for all who share it. */
export function compileCondition(condition: Condition, shared: SharedTests = new SharedTests()): Predicate {
  switch (condition.kind) {
    case 'all': {
      const [first, second, ...rest] = condition.parts.map((part) => compileCondition(part, shared))
      if (!first) return () => true
      if (!second) return first
      if (rest.length === 0) return (event) => first(event) && second(event)
      return (event) => first(event) && second(event) && rest.every((part) => part(event))
    }
    case 'any': {
      const parts = condition.parts.map((part) => compileCondition(part, shared))
      return (event) => parts.some((part) => part(event))
    }
    case 'not': {
      const part = compileCondition(condition.part, shared)
      return (event) => !part(event)
    }
    case 'test':
      return shared.test(condition)
  }
}

function compileTest(test: Test, field: Field): Predicate {
  if (test.operator === 'exists') {
    const wanted = test.values[0] === true
    return (event) => field.isPresent(event) === wanted
  }
  const [only] = test.values
  // One closure a test: among thousands of rules, what an event needs of each is not in the processor's memory.
  if (test.values.length === 1 && !test.isCased) {
    if (test.operator === 'is' || test.operator === 'in') return (event) => field.is(event, only)
    if (test.operator === 'contains' && typeof only === 'string') return (event) => field.contains(event, only)
  }
  const accepts = valueTest(test, field)
  return (event) => field.any(event, accepts)
}

/** An address that is written as IPv6 but is none is taken as what it is. */
function scanned(text: string): string {
  const plain = plainAddress(text)
  return plain.length > scannedCharacters ? plain.slice(0, scannedCharacters) : plain
}

function valueTest({ operator, values, isCased }: Test, field: Field): (value: unknown) => boolean {
  const normal = isCased ? normalText : foldText
  const texts = values.filter((value) => typeof value === 'string')
  const onText = (accepts: (text: string) => boolean) => (value: unknown) =>
    typeof value === 'string' && accepts(isCased ? normalText(scanned(value)) : field.folded(value))
  const onNumber = (accepts: (number: number, bound: number) => boolean) => (value: unknown) =>
    typeof value === 'number' && values.some((bound) => accepts(value, bound as number))
  switch (operator) {
    case 'is':
    case 'in': {
      const set = new Set<unknown>(values)
      if (isCased) return (value) => set.has(typeof value === 'string' ? normalText(plainAddress(value)) : value)
      return (value) => set.has(typeof value === 'string' ? field.folded(value) : value)
    }
    case 'contains':
    case 'keywordsFile': {
      const scan = wordScanner(texts)
      return onText((text) => scan(text))
    }
    case 'starts':
      return onText((text) => texts.some((start) => text.startsWith(start)))
    case 'ends':
      return (value) => typeof value === 'string' && texts.some((end) => normal(plainAddress(value)).endsWith(end))
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
        const isPossible = patterns.some(
          ({ literal }) => literal === undefined || field.folded(value).includes(literal),
        )
        if (!isPossible) return false
        const text = normalText(scanned(value))
        return patterns.some(({ test }) => test(text))
      }
    }
    case 'exists':
      return () => true
  }
}

function patternTest(
  pattern: string,
  isCased: boolean,
): { readonly literal: string | undefined; readonly test: (text: string) => boolean } {
  const compiled = RE2JS.compile(pattern.normalize('NFC'), isCased ? 0 : RE2JS.CASE_INSENSITIVE)
  return { literal: requiredLiteral(pattern), test: (text) => compiled.test(text) }
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
