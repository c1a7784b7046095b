/** One line of the text format: a name, its labels, a value. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const maxLine = 16_384
const escapes: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/y

/** A sample as Prometheus prints it; undefined for comments, and for whatever is none. Never throws. */
export function parseSample(line: string): Sample | undefined {
  if (line === '' || line.startsWith('#') || line.length > maxLine) return undefined
  const named = /^[a-zA-Z_:][\w:]*/.exec(line)
  if (!named) return undefined
  const [name] = named
  const labels: Record<string, string> = {}
  let at = name.length
  if (line[at] === '{') {
    label.lastIndex = ++at
    for (let found = label.exec(line); found; found = label.exec(line)) {
      const [whole, key = '', text = ''] = found
      labels[key] = text.replace(/\\[\\"n]/g, (escape) => escapes[escape] ?? escape)
      at += whole.length
      label.lastIndex = at
    }
    if (line[at++] !== '}') return undefined
  }
  const [text = ''] = line.slice(at).trimStart().split(/\s/, 1)
  const value = text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? { name, labels, value } : undefined
}
