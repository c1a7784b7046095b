import { suggestion } from '../../runtime/config/suggest.ts'
import { knownPaths } from './known-paths.ts'
import type { Token } from './lexer.ts'

/** What somebody most likely meant otherwise, and our own word for it. */
export interface Slip {
  readonly message: string
  readonly hint: string
}

const known = [...knownPaths]
const isOpen =
  /^(labels|app|amqp\.(headers|properties)|rabbitmq\.(arguments|node|queue_stats|overview|certificate|candidates)|thump)\./
const mostNamed = 3

/** A field nobody has: near to one, or only the end of one. Below the open maps every name is right. */
export function pathSlip(path: string): Slip | undefined {
  // An object's own name asks whether anything of it is there: `amqp: *`.
  const isKnown = knownPaths.has(path) || known.some((one) => one.startsWith(`${path}.`))
  if (isOpen.test(path) || isKnown) return undefined
  const message = `no event has a field "${path}"`
  const ends = path.includes('.') ? [] : known.filter((one) => one.split('.').some((part) => part.startsWith(path)))
  const exact = ends.filter((one) => one.endsWith(`.${path}`))
  const named = (exact.length > 0 ? exact : ends).slice(0, mostNamed)
  if (named.length > 0) return { message, hint: `did you mean ${named.join(', ')}?` }
  const near = suggestion(path, known).replace(/^; /, '')
  return near === '' ? undefined : { message, hint: near }
}

/** Signs of other languages, which would be looked for as text and not found. */
export function foreignWord(word: string): Slip | undefined {
  if (word === '&&' || word === '||' || word === '!')
    return {
      message: `"${word}" is no word of this language`,
      hint: 'write and, or, not; or "quote" it to look for it',
    }
  const [, path = '', sign, value = ''] = /^(.*?)(==?|!=)(.*)$/.exec(word) ?? []
  if (sign === undefined || (path !== '' && !knownPaths.has(path)) || (path === '' && value !== '')) return undefined
  const written = `${path || 'user.name'}: ${value || 'app'}`
  return {
    message: 'a field and its value are joined by a colon',
    hint: `write ${sign === '!=' ? `not ${written}` : written}`,
  }
}

/** Ranges in brackets and lists with commas, as other languages have them. */
export function foreignValue(path: string, value: string, next: Token | undefined): Slip | undefined {
  const isFollowed = next?.kind === 'word'
  if (/^[[{]/.test(value) && isFollowed && /^to$/i.test(next.text)) {
    const low = value.slice(1)
    return { message: 'a range is two conditions', hint: `write ${path} >= ${low} and ${path} < …` }
  }
  if (value.length > 1 && value.endsWith(',') && isFollowed) {
    const first = value.slice(0, -1)
    return { message: 'values are joined by or', hint: `write ${path}: (${first} or ${next.text})` }
  }
  return undefined
}
