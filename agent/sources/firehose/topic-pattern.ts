/** Does an AMQP topic pattern match a name? `*` is one word between dots, `#` any number of them. */
export function matchesTopic(pattern: string, name: string): boolean {
  return pattern === '#' || pattern === name || matches(pattern.split('.'), 0, name.split('.'), 0)
}

function matches(pattern: readonly string[], at: number, words: readonly string[], from: number): boolean {
  for (let index = at; index < pattern.length; index++) {
    const word = pattern[index]
    if (word === '#') {
      for (let rest = from; rest <= words.length; rest++) if (matches(pattern, index + 1, words, rest)) return true
      return false
    }
    if (from >= words.length || (word !== '*' && word !== words[from])) return false
    from++
  }
  return from === words.length
}
