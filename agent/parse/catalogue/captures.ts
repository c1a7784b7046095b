/** A pattern whose groups have places instead of names: a match then makes no table of them. */
export interface Captures {
  readonly pattern: RegExp
  /** Of each capturing group in turn; undefined where it has none. */
  readonly names: readonly (string | undefined)[]
}

/** An escape, a class, or what a bracket begins: only the last is of interest. */
const part = /\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?<([A-Za-z]\w*)>|\?)?/g

export function capturesOf({ source, flags }: RegExp): Captures {
  const names: (string | undefined)[] = []
  const unnamed = source.replaceAll(part, (found, name: string | undefined) => {
    if (found[0] !== '(' || found === '(?') return found
    names.push(name)
    return '('
  })
  return { pattern: new RegExp(unnamed, flags), names }
}
