import { expect, test } from 'vitest'
import { entries } from '../../../../agent/parse/catalogue/entries.ts'
import { createScan } from '../../../../agent/parse/formats/pair-scan.ts'
import { createRecognitionWatch } from '../../../../agent/sources/log-files/recognition-watch.ts'

const mayRecognise = createScan(createRecognitionWatch(entries))
/** At an even place and at an odd one: they are looked at differently. */
const asked = (text: string) => {
  const answers = ['', ' '].map((before) => {
    const bytes = Buffer.from(`${before}2026-11-24 15:19:18.238052+00:00 [info] <0.223.0> ${text}\n`)
    return mayRecognise(bytes, 0, bytes.length)
  })
  expect(answers[0]).toBe(answers[1])
  return answers[0]
}

test.each(entries)('row $entry $code is let through: $sample', ({ sample }) => {
  expect(asked(sample)).toBe(true)
})

test.each([
  'accepting AMQP connection 127.0.0.1:41060 -> 127.0.0.1:5774',
  "connection 127.0.0.1:41060 -> 127.0.0.1:5774 - logs: user 'guest' authenticated and granted access to vhost '/'",
  "closing AMQP connection (127.0.0.1:37656 -> 127.0.0.1:5774, vhost: '/', user: 'guest', duration: '574ms')",
  'ra: starting system quorum_queues',
])('what most of a log is made of is spared the patterns: %s', (text) => {
  expect(asked(text)).toBe(false)
})
