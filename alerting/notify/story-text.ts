import type { Story } from './facts.ts'

/** The story as plain text, for mail, previews and media without marks. */
export function storyText(story: Story): string {
  const width = Math.max(0, ...story.facts.map(({ name }) => name.length))
  return [
    story.title,
    ...(story.note === undefined ? [] : [story.note]),
    ...(story.description === undefined ? [] : ['', story.description]),
    '',
    ...story.facts.map(({ name, value }) => `${`${name}:`.padEnd(width + 2)}${value}`),
    ...(story.lines.length === 0 ? [] : ['', ...story.lines.map((line) => `  ${line}`)]),
    ...(story.runbook === undefined ? [] : ['', `Runbook: ${story.runbook}`]),
    ...(story.link === undefined ? [] : ['', story.link]),
    ...(story.command === undefined ? [] : ['', `Look: ${story.command}`]),
    '',
  ].join('\n')
}
