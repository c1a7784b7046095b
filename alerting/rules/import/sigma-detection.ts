import type { ForeignDocument } from './imported.ts'
import { isMap, listOf, textOf } from './imported.ts'
import { allOf, anyOf, fieldIs, fieldKey, notOf, parseWildcards, type Where, wildcardTest } from './where.ts'

const reasons: Readonly<Record<string, string>> = {
  base64: 'encoded values are searched by their encoding: write the encoded text under .contains yourself',
  base64offset: 'encoded values are searched by their encoding: write the encoded texts under .contains yourself',
  windash: 'variants of dashes are not made up: list the variants as values',
  fieldref: 'two fields of one event cannot be compared',
  expand: 'placeholders are filled by a pipeline that is not here: write the values',
}
const encodings = new Set(['utf16', 'utf16le', 'utf16be', 'wide'])
const known = new Set('contains startswith endswith all re i m s cidr gt gte lt lte exists cased neq'.split(' '))

type Path = readonly PropertyKey[]
const star = { wildcard: '*' } as const

/** One search identifier: a map is AND, a list OR, bare texts are looked for in `message`. */
export function sigmaSelection(value: unknown, path: Path, doc: ForeignDocument): Where {
  if (Array.isArray(value)) {
    if (value.length === 0) doc.refuse(path, 'an empty list matches nothing')
    return anyOf(value.map((item, index) => sigmaSelection(item, [...path, index], doc)))
  }
  if (isMap(value)) {
    const entries = Object.entries(value)
    if (entries.length === 0) doc.refuse(path, 'an empty map is no selection')
    return allOf(entries.map(([key, item]) => fieldItem(key, item, [...path, key], doc)))
  }
  return keyword(value, path, doc)
}

function keyword(value: unknown, path: Path, doc: ForeignDocument): Where {
  if (typeof value !== 'string' && typeof value !== 'number') {
    doc.refuse(path, 'a keyword is text')
    return {}
  }
  doc.differs(path, 'keywords are looked for in message, the text of a log line, not in every field')
  const parts = parseWildcards(textOf(value))
  return wildcardTest('message', [star, ...parts, star].filter(isNotDoubled), false)
}

function isNotDoubled(part: unknown, index: number, all: readonly unknown[]): boolean {
  const isStar = (each: unknown) => typeof each === 'object' && (each as { wildcard: string }).wildcard === '*'
  return !(isStar(part) && isStar(all[index - 1]))
}

function fieldItem(key: string, value: unknown, path: Path, doc: ForeignDocument): Where {
  const [name = '', ...modifiers] = key.split('|')
  for (const modifier of modifiers) {
    if (known.has(modifier)) continue
    const reason = encodings.has(modifier) ? 'events hold text, not bytes of an encoding' : reasons[modifier]
    doc.refuse(path, `modifier "${modifier}" cannot be carried over: ${reason ?? 'its meaning is not known here'}`)
    return {}
  }
  if (name === '') return keywords(modifiers, value, path, doc)
  const field = doc.field(name, path)
  const tests = listOf(value ?? [null]).map((one) => test(field, modifiers, one, path, doc))
  const joined = modifiers.includes('all') ? allOf(tests) : (merged(tests) ?? anyOf(tests))
  return modifiers.includes('neq') ? notOf(joined) : joined
}

/** `'|all': [a, b]`: keywords that must all be there. */
function keywords(modifiers: readonly string[], value: unknown, path: Path, doc: ForeignDocument): Where {
  const parts = listOf(value).map((one) => keyword(one, path, doc))
  if (modifiers.some((modifier) => modifier !== 'all'))
    doc.refuse(path, `modifiers of keywords other than all cannot be carried over: ${modifiers.join('|')}`)
  return modifiers.includes('all') ? allOf(parts) : (merged(parts) ?? anyOf(parts))
}

/** Tests that differ only in their value are one test with a list. */
function merged(tests: readonly Where[]): Where | undefined {
  const [first] = tests
  const key = Object.keys(first ?? {})[0]
  if (key === undefined || key.endsWith('.exists')) return undefined
  const isSame = tests.every((each) => Object.keys(each).length === 1 && Object.hasOwn(each, key))
  return isSame ? { [key]: tests.length === 1 ? first?.[key] : tests.flatMap((each) => [each[key]].flat()) } : undefined
}

function test(field: string, modifiers: readonly string[], value: unknown, path: Path, doc: ForeignDocument): Where {
  const has = (modifier: string) => modifiers.includes(modifier)
  const isCased = has('cased')
  if (value === null) return { [fieldKey(field, 'exists')]: false }
  if (has('exists')) return { [fieldKey(field, 'exists')]: value === true || value === 'true' }
  for (const operator of ['gt', 'gte', 'lt', 'lte'])
    if (has(operator)) {
      if (typeof value !== 'number') doc.refuse(path, `${operator} takes a number`)
      return fieldIs(field, operator, [value])
    }
  if (has('cidr')) return fieldIs(field, 'cidr', [value])
  if (has('re')) return regex(field, modifiers, value)
  if (typeof value === 'number' || typeof value === 'boolean') {
    if (has('contains') || has('startswith') || has('endswith'))
      return substring(field, modifiers, textOf(value), isCased)
    return fieldIs(field, '', [value])
  }
  const text = textOf(value)
  if (text === '') {
    doc.refuse(path, `events hold no empty text: write null (the field is missing) instead of ''`)
    return {}
  }
  return substring(field, modifiers, text, isCased)
}

function regex(field: string, modifiers: readonly string[], value: unknown): Where {
  const flags = ['m', 's'].filter((flag) => modifiers.includes(flag)).join('')
  const pattern = flags === '' ? textOf(value) : `(?${flags})${textOf(value)}`
  // Sigma's patterns tell upper from lower case unless |i.
  return fieldIs(field, 'regex', [pattern], !modifiers.includes('i'))
}

function substring(field: string, modifiers: readonly string[], text: string, isCased: boolean): Where {
  const inner = parseWildcards(text)
  const parts = [
    ...(modifiers.includes('contains') || modifiers.includes('endswith') ? [star] : []),
    ...inner,
    ...(modifiers.includes('contains') || modifiers.includes('startswith') ? [star] : []),
  ].filter(isNotDoubled)
  return wildcardTest(field, parts, isCased)
}
