import { type Document, visit, type YAMLParseError } from 'yaml'

/** What the parser says is for programmers; these are for who wrote the file. */
export function yamlWords({ code, message }: YAMLParseError): string {
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

/** What the parser leaves for later: `*.log` without quotes is a reference to what nobody named. Offsets in the text. */
export function loneAliases(document: Document): { readonly offset: number; readonly message: string }[] {
  const found: { offset: number; message: string }[] = []
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
