import { expect, test } from 'vitest'
import { wrongUsage } from '../../../cli/usage.ts'

const help = `thump events events [query]

Search what is stored

Options:
      --config  File
      --since   From when
  -f, --follow  Go on
`

test.each([
  [
    'Unknown argument: sicne',
    'thump: Unknown argument: sicne; did you mean --since?\nRun thump events --help for its options.\n',
  ],
  [
    'Unknown arguments: x, folow',
    'thump: Unknown arguments: x, folow; did you mean --follow?\nRun thump events --help for its options.\n',
  ],
  ['Unknown argument: colourful', 'thump: Unknown argument: colourful\nRun thump events --help for its options.\n'],
])('%s', (message, expected) => {
  expect(wrongUsage(message, help)).toBe(expected)
})

test('no command at all is answered with where the commands are', () => {
  expect(wrongUsage('Name a command', 'thump <command>\n')).toBe(
    'thump: Name a command\nRun thump --help for the commands.\n',
  )
})
