import { createRedactor } from '../../agent/redact/redactor.ts'
import { corpus } from '../unit/agent/redact/corpus.ts'
import { precisionAndRecall, scoreOf } from '../unit/agent/redact/score.ts'
import type { BenchTable } from './bench.ts'

const builtin = ['secrets', 'cards', 'rrn', 'phones', 'emails']
const minMs = 1000

/** What masking finds and what it takes for something else, on made-up lines; and what a dictionary of 20,000 words costs. */
export default function redact(): Promise<BenchTable[]> {
  const lines = corpus(20_261_127, 500)
  const redactor = createRedactor({ builtin, rules: [] })
  const scores = scoreOf(redactor, lines)
  const { precision, recall } = precisionAndRecall(scores, lines)
  const rows = scores.map(({ kind, lines: count, masked, falseAlarms }) => ({
    kind,
    lines: count,
    'found %': masked > 0 ? (100 * masked) / count : '',
    'false alarms %': (100 * falseAlarms) / count,
  }))
  const title = `masking of ${lines.length} labelled lines: precision ${precision.toFixed(4)}, recall ${recall.toFixed(4)}`
  return Promise.resolve([{ title, rows }, speed(lines.map(({ text }) => text))])
}

function speed(texts: readonly string[]): BenchTable {
  const syllables = Array.from('가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허')
  const pick = (n: number) => syllables[n % syllables.length] ?? ''
  const words = Array.from(
    { length: 20_000 },
    (_, n) => `${pick(n)}${pick(n >> 3)}${pick(n >> 7)}${n % 7 === 0 ? `-${n}` : pick(n >> 11)}`,
  )
  const redactors = [
    ['builtin rules', createRedactor({ builtin, rules: [] })],
    [
      'and a dictionary of 20 words',
      createRedactor({ builtin, rules: [{ name: 'own', words: words.slice(0, 20), replace: '***' }] }),
    ],
    ['and a dictionary of 20,000 words', createRedactor({ builtin, rules: [{ name: 'own', words, replace: '***' }] })],
  ] as const
  const logLines = texts.map((text) =>
    Buffer.from(
      `2026-11-24 15:31:43.123456+00:00 [info] <0.684.0> closing AMQP connection ${text.length} (127.0.0.1:41060 -> 127.0.0.1:5774)`,
    ),
  )
  return {
    title: 'MB/s of one core',
    rows: redactors.map(([rules, redactor]) => ({
      rules,
      'lines to mask': megabytesPerSecond(
        texts.map((text) => Buffer.byteLength(text)),
        (n) => void redactor.text(texts[n] ?? ''),
      ),
      'lines of a log, looked at as bytes': megabytesPerSecond(
        logLines.map((line) => line.length),
        (n) => {
          const line = logLines[n]
          if (line) redactor.mayHit(line, 0, line.length)
        },
      ),
    })),
  }
}

function megabytesPerSecond(sizes: readonly number[], work: (n: number) => void): number {
  const before = process.cpuUsage()
  const started = performance.now()
  let bytes = 0
  while (performance.now() - started < minMs)
    for (const [n, size] of sizes.entries()) {
      work(n)
      bytes += size
    }
  const { user, system } = process.cpuUsage(before)
  return bytes / (user + system)
}
