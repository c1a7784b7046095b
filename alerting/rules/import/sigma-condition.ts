import { allOf, anyOf, notOf, type Where } from './where.ts'

/** Reads a Sigma condition; `selections` are its parts by name. Throws an Error whose message says what is not understood. */
export function sigmaCondition(text: string, selections: ReadonlyMap<string, Where>): Where {
  const tokens = text.match(/\(|\)|[^\s()]+/g) ?? []
  let at = 0
  const peek = () => tokens[at]?.toLowerCase()
  const either = (): Where => {
    const parts = [both()]
    while (peek() === 'or') {
      at++
      parts.push(both())
    }
    return anyOf(parts)
  }
  const both = (): Where => {
    const parts = [negated()]
    while (peek() === 'and') {
      at++
      parts.push(negated())
    }
    return parts.length === 1 ? (parts[0] as Where) : allOf(parts)
  }
  let depth = 0
  const negated = (): Where => {
    if (++depth > 200) throw new Error('the condition is nested too deep')
    try {
      if (peek() === 'not') {
        at++
        return notOf(negated())
      }
      return single()
    } finally {
      depth--
    }
  }
  const single = (): Where => {
    const token = tokens[at++]
    if (token === undefined) throw new Error('the condition ends too early')
    if (token === '(') {
      const inner = either()
      if (tokens[at++] !== ')') throw new Error('a parenthesis is not closed')
      return inner
    }
    if (peek() === 'of') {
      at++
      return several(token.toLowerCase(), tokens[at++] ?? '', selections)
    }
    const found = selections.get(token)
    if (!found) throw new Error(`"${token}" is no part of detection`)
    return found
  }
  const whole = either()
  if (at < tokens.length) throw new Error(`"${tokens.slice(at).join(' ')}" is not understood`)
  return whole
}

/** `1 of selection*`, `all of them`. */
function several(how: string, pattern: string, selections: ReadonlyMap<string, Where>): Where {
  const isThem = pattern.toLowerCase() === 'them'
  const shape = new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*')}$`)
  const chosen = [...selections].filter(([name]) => (isThem ? !name.startsWith('_') : shape.test(name)))
  if (chosen.length === 0) throw new Error(`no part of detection is called ${pattern}`)
  const parts = chosen.map(([, part]) => part)
  if (how === 'all') return parts.length === 1 ? (parts[0] as Where) : allOf(parts)
  if (how === '1' || how === 'any') return anyOf(parts)
  throw new Error(`"${how} of" cannot be said here: only 1 of and all of`)
}
