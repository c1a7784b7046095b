import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asciiDigits } from '../../../../agent/redact/digits.ts'
import { builtinNames, builtins, createRedactor } from '../../../../agent/redact/redactor.ts'
import { signsOf } from '../../../../agent/redact/scan.ts'
import { signs } from '../../../../agent/redact/signs.ts'
import type { ThumpEvent } from '../../../../event/event.ts'
import { corpus } from './corpus.ts'
import { labelled, lookAlikes } from './labelled.ts'
import { precisionAndRecall, scoreOf } from './score.ts'

const defaults = ['secrets', 'cards', 'rrn', 'phones', 'emails']
const all = createRedactor({ builtin: builtinNames, rules: [] })
const byDefault = createRedactor({ builtin: defaults, rules: [] })

const planted = Object.entries(labelled).flatMap(([rule, texts]) => texts.map((text) => [rule, text] as const))
const valuesIn = (text: string) => [...text.matchAll(/⟦([^⟧]*)⟧/g)].map(([, value = '']) => value)
const plain = (text: string) => text.replace(/[⟦⟧]/g, '')

describe('what is masked', () => {
  test.each(planted)('%s: %s', (rule, marked) => {
    const counts: Record<string, number> = {}
    const masked = all.text(plain(marked), (name, count) => (counts[name] = (counts[name] ?? 0) + count))
    for (const value of valuesIn(marked)) expect(masked).not.toContain(value)
    expect(counts).toEqual({ [rule]: valuesIn(marked).length })
    for (const kept of marked.split(/⟦[^⟧]*⟧/)) expect(masked).toContain(kept)
    expect(all.text(masked)).toBe(masked)
  })

  test.each(lookAlikes)('not: %s', (text) => {
    expect(all.text(text)).toBe(text)
  })

  test('of a card the first six and the last four digits stay', () => {
    expect(byDefault.text('4111 1111 1111 1111')).toBe('411111******1111')
  })

  test('a key makes equal values equal, however they are written, and unequal ones not', () => {
    const keyed = createRedactor({ builtin: defaults, rules: [], hmacKey: Buffer.from('k') })
    const [one, same, other] = ['010-1234-5678', '01012345678', '010-1234-5679'].map((text) => keyed.text(text))
    expect(one).toMatch(/^\[phones:[0-9a-f]{10}\]$/)
    expect(same).toBe(one)
    expect(other).not.toBe(one)
  })
})

describe('rules of one’s own', () => {
  test('a pattern and a dictionary, counted by name', () => {
    const own = createRedactor({
      builtin: [],
      rules: [
        { name: 'staff', pattern: String.raw`EMP-\d+`, replace: '[staff]' },
        { name: 'projects', words: ['Falcon', 'Falcon Heavy', '독수리'], replace: '***' },
      ],
    })
    const counts: Array<[string, number]> = []
    const masked = own.text('EMP-12 of falcon heavy, Falcons, 독수리호', (rule, count) => counts.push([rule, count]))
    expect(masked).toBe('[staff] of ***, Falcons, ***호')
    expect(counts).toEqual([
      ['staff', 1],
      ['projects', 2],
    ])
  })

  test('a pattern that is none of RE2’s and an unknown builtin are refused', () => {
    expect(() => createRedactor({ builtin: [], rules: [{ name: 'x', pattern: '(?<=a)\\1', replace: '' }] })).toThrow()
    expect(() => createRedactor({ builtin: ['faces'], rules: [] })).toThrow('faces')
  })

  test('a dictionary finds what looking for each word alone finds', () => {
    const letters = fc.string({ unit: fc.constantFrom('가', '나', '다'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1, maxLength: 8 }), letters, letters, letters, (words, a, b, c) => {
        const text = a + b + c
        const covered = new Set<number>()
        for (const word of words)
          for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1))
            for (let index = at; index < at + word.length; index++) covered.add(index)
        const left = text
          .split('')
          .filter((_, index) => !covered.has(index))
          .join('')
        const redactor = createRedactor({ builtin: [], rules: [{ name: 'd', words, replace: '' }] })
        expect(redactor.text(text)).toBe(left)
      }),
    )
  })
})

test('a dictionary is looked for in bytes as in a text: it misses no line', () => {
  const words = ['Falcon', '독수리', '독수리호', 'é']
  const own = createRedactor({ builtin: [], rules: [{ name: 'd', words, replace: '' }] })
  const piece = fc.constantFrom(...words, 'FALCON', '독', '수리', 'fal', 'con', ' ', '\u{1f985}', 'x')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (parts) => {
      const text = parts.join('')
      const bytes = Buffer.from(`Falcon ${text} Falcon`)
      if (own.text(text) !== text) expect(own.mayHit(bytes, 7, bytes.length - 7)).toBe(true)
    }),
  )
  const none = Buffer.from('2026-11-24 [info] connection accepted')
  expect(own.mayHit(none, 0, none.length)).toBe(false)
})

test('finds all of what is labelled, and takes little else for it', () => {
  const lines = corpus(7, 40)
  const scores = scoreOf(byDefault, lines)
  const { precision, recall } = precisionAndRecall(scores, lines)
  expect(recall).toBe(1)
  expect(precision).toBeGreaterThan(0.98)
  // Of sixteen digits some are a card by every rule there is; of nothing else.
  const rest = scores.filter(({ kind }) => !kind.startsWith('any '))
  expect(rest.reduce((sum, { falseAlarms }) => sum + falseAlarms, 0)).toBeLessThanOrEqual(5)
})

describe('an event', () => {
  const event = (): ThumpEvent => ({
    '@timestamp': '2026-11-24T15:31:43.123Z',
    event: { id: '01012345678', dataset: 'rabbitmq.trace' },
    message: 'from kim@example.com',
    service: { type: 'rabbitmq', node: { name: 'rabbit@mq1.example.com' } },
    agent: { id: 'a', version: '1' },
    user: { name: 'kim@example.com' },
    client: { name: 'app of 010-1234-5678' },
    amqp: {
      properties: { reply_to: 'x', user_id: '010-1234-5678', priority: 5 },
      headers: { password: 'hunter2', card: 4111111111111111, at: 1700000000000, deep: [{ tel: '02-312-3456' }] },
      body: { bytes: 3, content: 'masked when it was read' },
    },
    rabbitmq: {
      queue: 'q.01012345678',
      routing_keys: ['user.010-1234-5678'],
      arguments: { uri: 'amqp://a:geheim@h', 'kim@example.com': 1 },
    },
    url: { path: '/api?token=abc' },
  })

  test('is masked in headers, arguments, properties, keys and messages; ids, names of things and users stay', () => {
    const masked = event()
    byDefault.event(masked)
    expect(masked.message).toBe('from [emails]')
    expect(masked.amqp).toEqual({
      properties: { reply_to: 'x', user_id: '[phones]', priority: 5 },
      headers: { password: '***', card: '411111******1111', at: 1700000000000, deep: [{ tel: '[phones]' }] },
      body: { bytes: 3, content: 'masked when it was read' },
    })
    expect(masked.rabbitmq).toEqual({
      queue: 'q.01012345678',
      routing_keys: ['user.[phones]'],
      arguments: { uri: 'amqp://a:***@h', '[emails]': 1 },
    })
    expect(masked.url?.path).toBe('/api?token=***')
    expect(masked.client?.name).toBe('app of [phones]')
    expect(masked.user?.name).toBe('kim@example.com')
    expect(masked.event.id).toBe('01012345678')
    expect(masked.redacted).toEqual(
      expect.arrayContaining([
        { rule: 'emails', count: 2 },
        { rule: 'phones', count: 4 },
        { rule: 'secrets', count: 3 },
        { rule: 'cards', count: 1 },
      ]),
    )
  })

  test('masked twice is as masked once', () => {
    const once = event()
    byDefault.event(once)
    const twice = structuredClone(once)
    byDefault.event(twice)
    expect(twice).toEqual(once)
  })
})

/** Texts of what is looked for, whole, cut, glued, and of what only looks like it. */
function mixtures() {
  const pieces = planted.map(([, text]) => plain(text))
  const marks = [
    'password',
    '=',
    ':',
    '"',
    ' ',
    '-',
    '0',
    '82',
    '+',
    '(',
    ')',
    '@',
    'a.kr',
    '://',
    '<<0,',
    'token',
    '\u00a0',
    '공일공',
    '님',
  ]
  const piece = fc.oneof(
    fc.constantFrom(...pieces, ...lookAlikes),
    fc.constantFrom(...marks),
    fc.constantFrom(...pieces).chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
    fc.string({ maxLength: 4 }),
  )
  return fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))
}

test('the one pass over a text misses no sign of what a detector would find', () => {
  const standIn = (rule: string) => `[${rule}]`
  fc.assert(
    fc.property(mixtures(), (text) => {
      const digits = asciiDigits(text)
      const found = signsOf(text)
      for (const detector of builtins) {
        const { name, sign } = detector
        const spans = detector.find(text, digits, standIn)
        if (spans.length > 0) expect(found & sign, name).not.toBe(0)
        if ((found & signs.wide) === 0) expect(detector.find(text, text, standIn), name).toEqual(spans)
      }
    }),
    { numRuns: 4000 },
  )
})

describe('the fast look at a line', () => {
  test.each(lookAlikes.slice(0, 2))('sees that nothing can be masked: %s', (text) => {
    const bytes = Buffer.from(text)
    expect(byDefault.mayHit(bytes, 0, bytes.length)).toBe(false)
  })

  test.each([
    'password',
    'passwd',
    'passphrase',
    'passwort',
    'secret',
    'token',
    'credential',
    'credentials',
    'authorization',
    'pwd',
    'pass',
    'pw',
    'cookie',
    'session_id',
    'sessionid',
    'api-key',
    'accesskey',
    'private_key',
    'PASSWORD',
  ])('sees a secret behind the word %s, however it is set off', (word) => {
    for (const text of [
      `${word}=`,
      `x ${word} : `,
      `"${word}": `,
      `<<"${word}">>,`,
      `{${word}, `,
      `\\"${word}\\" =>`,
    ]) {
      for (const line of [`${text}"Hunter2!xyz"`, ` ${text}"Hunter2!xyz"`]) {
        const bytes = Buffer.from(line)
        expect([line, byDefault.text(line) === line || byDefault.mayHit(bytes, 0, bytes.length)]).toEqual([line, true])
      }
    }
  })

  test('never misses a line that would be masked', () => {
    fc.assert(
      fc.property(mixtures(), (text) => {
        // At an even place and at an odd one: they are looked at differently.
        for (const before of ['before ', 'ahead ']) {
          const bytes = Buffer.from(`${before}${text} after`)
          if (byDefault.text(text) !== text) expect(byDefault.mayHit(bytes, before.length, bytes.length - 6)).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
