import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSample } from '../../../../agent/parse/prometheus/samples.ts'

test.each([
  ['up 1', { name: 'up', labels: {}, value: 1 }],
  ['q{vhost="/",queue="a b"} 3.0', { name: 'q', labels: { vhost: '/', queue: 'a b' }, value: 3 }],
  ['q{queue="a}\\"b\\\\c\\nd,e=\\"f"} 2 1700000000', { name: 'q', labels: { queue: 'a}"b\\c\nd,e="f' }, value: 2 }],
  ['q{} 1e3', { name: 'q', labels: {}, value: 1000 }],
])('%s', (line, expected) => {
  expect(parseSample(line)).toEqual(expected)
})

test.each(['', '# TYPE q gauge', 'q', 'q{a="b" 1', 'q{a="b"}', 'q NaN', 'q +Inf', '{a="b"} 1', '1 1'])(
  'no sample: “%s”',
  (line) => {
    expect(parseSample(line)).toBeUndefined()
  },
)

test('mutated lines never throw, and end in time', () => {
  const line = 'rabbitmq_detailed_queue_messages_ready{vhost="/",queue="mon.u \\"events\\""} 6830'
  const started = performance.now()
  fc.assert(
    fc.property(fc.nat(line.length), fc.string(), fc.nat(2000), (cut, middle, times) => {
      parseSample(line.slice(0, cut) + middle.repeat(times) + line.slice(cut))
    }),
    { numRuns: 300 },
  )
  expect(performance.now() - started).toBeLessThan(5000)
})
