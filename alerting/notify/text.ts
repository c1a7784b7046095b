import { cutText } from '../rules/text.ts'

/**
 * Text from the broker on one line: whoever names a queue chooses these characters. Escape sequences, control characters
 * and those that turn the direction of writing are gone, and it is cut.
 */
export function oneLine(text: string, limit = 256): string {
  return cutText(
    plainText(text.slice(0, limit * 8))
      .replace(/\s+/gu, ' ')
      .trim(),
    limit,
  )
}

/** The same, with its line breaks. */
export function severalLines(text: string, limit = 1024): string {
  return cutText(
    plainText(text.slice(0, limit * 8))
      .replace(/\r\n?/gu, '\n')
      .trim(),
    limit,
  )
}

// Patterns of characters one cannot see are built from text that one can.
const escapeSequences = new RegExp(
  String.raw`\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)?`,
  'gu',
)
const unprintable = new RegExp(
  String.raw`[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]`,
  'gu',
)

function plainText(text: string): string {
  return text.toWellFormed().replace(escapeSequences, '').replace(unprintable, '')
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => `&#${character.charCodeAt(0)};`)
}

/** Names that a medium would call (`@here`, `@someone`, `<@U1>`) lose their power by an invisible space; mail addresses stay. */
export function withoutCalls(text: string): string {
  return text.replace(/(?<![\w.+-])@(?=\w)/gu, '@\u200b').replace(/<(?=[@!#])/gu, '<\u200b')
}

/** Marks of Markdown become the characters they are, and nobody is called. */
export function escapeMarkdown(text: string): string {
  return withoutCalls(text.replace(/[\\`*_{}[\]()#+~|<>]/gu, '\\$&'))
}
