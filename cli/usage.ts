import { suggestion } from '../runtime/config/suggest.ts'

/** What was wrong with a command line, with the option that was meant and where to look; `help` is the command's own. */
export function wrongUsage(message: string, help: string): string {
  // Asked after a failure, yargs names the command twice.
  const command = [...new Set(/^[^\s[<]+(?: [^\s[<]+)*/.exec(help)?.[0].split(' '))].join(' ')
  const known = [...help.matchAll(/^\s+(?:-\w, )?--([a-z][\w-]*)/gm)].map(([, name = '']) => name)
  const names = /^Unknown arguments?: (.*)$/.exec(message)?.[1]?.split(', ') ?? []
  const hints = names.map((name) => suggestion(name, known).replace(/"(.*)"/, '--$1'))
  const what = command === 'thump' ? 'the commands' : 'its options'
  return `thump: ${message}${hints.find((hint) => hint !== '') ?? ''}\nRun ${command} --help for ${what}.\n`
}
