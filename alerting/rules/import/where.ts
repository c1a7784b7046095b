import { operators } from '../condition.ts'

/** A condition as it is written in a rule file. */
export type Where = Readonly<Record<string, unknown>>

/** All of them; in one map where no key stands twice. */
export function allOf(parts: readonly Where[]): Where {
  const keys = parts.flatMap((part) => Object.keys(part))
  if (new Set(keys).size === keys.length) return Object.assign({}, ...parts) as Where
  return { all: parts }
}

export function anyOf(parts: readonly Where[]): Where {
  const [first] = parts
  return parts.length === 1 && first ? first : { any: parts }
}

export function notOf(part: Where): Where {
  return { not: part }
}

/** `user.name`, `user.name.contains`, `user.name.regex.cased`; a name that ends like an operator is put in brackets. */
export function fieldKey(field: string, operator = '', isCased = false): string {
  const last = field.split('.').at(-1) ?? ''
  const isOperator = (operators as readonly string[]).includes(last) || last === 'cased'
  return [isOperator ? `[${field}]` : field, operator, isCased ? 'cased' : ''].filter((part) => part !== '').join('.')
}

/** One field against several values of one operator. */
export function fieldIs(field: string, operator: string, values: readonly unknown[], isCased = false): Where {
  return { [fieldKey(field, operator, isCased)]: values.length === 1 ? values[0] : values }
}

/** Text taken literally in a pattern. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}

/** A text with wildcards: `*` any characters, `?` one; a backslash takes the next one literally. */
export type Wildcards = ReadonlyArray<string | { readonly wildcard: '*' | '?' }>

export function parseWildcards(text: string): Wildcards {
  const parts: Array<string | { wildcard: '*' | '?' }> = []
  let run = ''
  for (let index = 0; index < text.length; index++) {
    const character = text[index] as string
    const next = text[index + 1]
    if (character === '\\' && (next === '*' || next === '?' || next === '\\')) {
      run += next
      index++
    } else if (character === '*' || character === '?') {
      if (run !== '') parts.push(run)
      run = ''
      parts.push({ wildcard: character })
    } else run += character
  }
  if (run !== '') parts.push(run)
  return parts
}

/** The simplest operator that says the same as a text with wildcards. */
export function wildcardTest(field: string, parts: Wildcards, isCased: boolean): Where {
  const isStar = (part: Wildcards[number] | undefined) => typeof part === 'object' && part.wildcard === '*'
  const [first, second, third] = parts
  if (parts.length === 1 && typeof first === 'string') return fieldIs(field, '', [first], isCased)
  if (parts.length > 0 && parts.every(isStar)) return { [fieldKey(field, 'exists')]: true }
  if (parts.length === 2 && typeof first === 'string' && isStar(second))
    return fieldIs(field, 'starts', [first], isCased)
  if (parts.length === 2 && isStar(first) && typeof second === 'string')
    return fieldIs(field, 'ends', [second], isCased)
  if (parts.length === 3 && isStar(first) && typeof second === 'string' && isStar(third))
    return fieldIs(field, 'contains', [second], isCased)
  const pattern = parts.map((part) => (typeof part === 'string' ? literal(part) : part.wildcard === '*' ? '.*' : '.'))
  return fieldIs(field, 'regex', [`(?s)^${pattern.join('')}$`], isCased)
}
