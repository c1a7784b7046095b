import type { Level } from '../../../event/event.ts'

/** Every spelling RabbitMQ's `level_format` and its versions know: full, four letters (3.9, 3.10), three letters, any case. */
export function levelOf(text: string): Level | undefined {
  return levels.get(text.toLowerCase())
}

const levels = new Map<string, Level>(
  (
    [
      ['debug', 'debu', 'dbg'],
      ['info', 'inf'],
      ['notice', 'noti', 'ntc', 'not'],
      ['warning', 'warn', 'wrn', 'war'],
      ['error', 'erro', 'err'],
      ['critical', 'crit', 'crt', 'cri'],
      ['alert', 'aler', 'alr', 'ale'],
      ['emergency', 'emer', 'emg', 'eme'],
    ] as const
  ).flatMap(([level, ...short]) => [level, ...short].map((name) => [name, level] as const)),
)

/** The levels of 3.6's `=WORD REPORT====` headers. */
export function reportLevel(word: string): Level {
  if (word === 'CRASH' || word === 'SUPERVISOR') return 'error'
  return levelOf(word) ?? 'info'
}
