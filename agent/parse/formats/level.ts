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

/** The same from a line's bytes; the few words that a log uses are remembered. */
export function createLevelAt(): (bytes: Buffer, start: number, end: number) => Level | undefined {
  const known: Array<{ readonly word: Uint8Array; readonly level: Level | undefined }> = []
  return (bytes, start, end) => {
    for (const { word, level } of known) {
      if (word.length !== end - start) continue
      let index = 0
      while (index < word.length && word[index] === bytes[start + index]) index++
      if (index === word.length) return level
    }
    const level = levelOf(bytes.toString('latin1', start, end))
    if (known.length < 16) known.push({ word: Uint8Array.from(bytes.subarray(start, end)), level })
    return level
  }
}
