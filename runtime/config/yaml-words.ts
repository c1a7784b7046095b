import { type Document, isCollection, isPair, visit, type YAMLParseError } from 'yaml'

/** Of lists and maps in one another: more than anybody writes, and far less than exhausts a stack. */
const maxDepth = 100
const tooDeep = `more than ${maxDepth} lists or maps stand in one another here: take some away, or close a bracket left open`

interface YamlMistake {
  /** In the text. */
  readonly offset: number
  readonly message: string
}

/** What keeps the text from being read, in the order found. */
export function yamlMistakes(document: Document): YamlMistake[] {
  const offset = tooDeepAt(document.contents, 1) ?? exhaustedAt(document)
  // What else is told then is told of each list around it.
  if (offset !== undefined) return [{ offset, message: tooDeep }]
  return document.errors.map((error) => ({ offset: error.pos[0], message: yamlWords(error) }))
}

function tooDeepAt(node: unknown, depth: number): number | undefined {
  if (isPair(node)) return tooDeepAt(node.key, depth) ?? tooDeepAt(node.value, depth)
  if (!isCollection(node)) return undefined
  if (depth > maxDepth) return node.range?.[0] ?? 0
  for (const item of node.items) {
    const offset = tooDeepAt(item, depth + 1)
    if (offset !== undefined) return offset
  }
  return undefined
}

/** Where the parser's stack ended: that is at another depth each time, and may leave nothing of what it had read. */
function exhaustedAt({ errors }: Document): number | undefined {
  return errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION')?.pos[0]
}

/** What the parser says is for programmers; these are for who wrote the file. */
function yamlWords({ code, message }: YAMLParseError): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a second document begins here: one a file; remove the line ---, or make it a file of its own'
    case 'DUPLICATE_KEY':
      return 'this key stands here twice: keep one'
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent in YAML: write spaces'
    case 'BAD_INDENT':
    case 'BLOCK_AS_IMPLICIT_KEY':
      return `${message}: is the line indented as those around it?`
    default:
      return message
  }
}

/** What the parser leaves for later: `*.log` without quotes is a reference to what nobody named. */
export function loneAliases(document: Document): YamlMistake[] {
  const found: YamlMistake[] = []
  visit(document, {
    Alias(_, node) {
      if (!node.resolve(document))
        found.push({
          offset: node.range?.[0] ?? 0,
          message: `put it in quotes: "*${node.source}"; bare, * is a reference`,
        })
    },
  })
  return found
}

export const maxAliases = 100
export const tooManyAliases = `more than ${maxAliases} references (*name): write the values out`
