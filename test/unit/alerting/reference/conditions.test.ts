import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createNetwork } from '../../../../alerting/engine/network.ts'
import { compileCondition } from '../../../../alerting/rules/predicate.ts'
import { rulesOf } from '../rule-source.ts'
import { satisfies } from './slow-condition.ts'

const runs = Number(process.env['THUMP_DIFFERENTIAL_RUNS'] ?? 40)
/** A soak runs for minutes. */
const timeoutMs = 60_000 + runs * 100
const seed = Number(process.env['THUMP_SEED'] ?? 9)
const rulesARun = 10
const eventsARun = 8

/** Few of each, so that conditions and events meet; with all that makes text difficult. */
const texts = [
  'a', 'ab', 'Ab', 'abc', 'error', 'ERROR', 'queue.delete', 'memory-alarm-set', 'order.new', 'Straße', 'STRASSE', 'ſet',
  'Kelvin', '\u212aelvin', '카드론', '계좌 해지', '계좌 해지'.normalize('NFD'), '解約', 'a"b', 'a\\b', 'a/b', 'line\nbreak',
  '\u001b[0m', '10.0.0.1', '::ffff:10.0.0.1', '10.1.2.3', '1', 'İ', 'ı', 'é', 'é'.normalize('NFD'), '🐇', '\ud800x',
  'accepting AMQP connection', 'x'.repeat(300),
] // biome-ignore format: a list to read across
const paths = ['a', 'a.b', 'message', 'user.name', 'tags', 'n', 'source.ip', 'ß.é', 'deep.er.still']
const text = fc.constantFrom(...texts)
const sentence = fc.array(text, { maxLength: 3 }).map((parts) => parts.join(' '))
const scalar = fc.oneof(text, sentence, fc.integer({ min: 0, max: 3 }), fc.boolean())
const value = fc.oneof(
  { weight: 6, arbitrary: scalar as fc.Arbitrary<unknown> },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 3 }) },
)

/** Dotted or nested, at random. */
const event = fc
  .array(fc.tuple(fc.constantFrom(...paths), value, fc.boolean()), { minLength: 1, maxLength: 6 })
  .map((fields) => {
    const made: Record<string, unknown> = {}
    for (const [path, held, isNested] of fields) {
      const [first = '', ...rest] = path.split('.')
      if (!isNested || rest.length === 0) made[path] = held
      else made[first] = rest.reduceRight<unknown>((inner, name) => ({ [name]: inner }), held)
    }
    return made
  })

const bound = fc.integer({ min: 0, max: 3 })
const patterns = [
  'a.?b',
  'alarm-(set|clear)',
  '^err',
  'line|queue',
  '[a-c]+$',
  '카드.',
  String.raw`10\.0\.0\.\d`,
  'x{20}',
]
const tested = fc.tuple(fc.constantFrom(...paths), fc.boolean()).chain(([path, isCased]) => {
  const cased = isCased ? '.cased' : ''
  const named = (operator: string, of: fc.Arbitrary<unknown>) =>
    of.map((wanted) => ({ [`${path}${operator}`]: wanted }))
  return fc.oneof(
    named(cased, scalar),
    named(cased, fc.array(scalar, { minLength: 1, maxLength: 3 })),
    ...['contains', 'starts', 'ends'].map((operator) => named(`.${operator}${cased}`, text)),
    named(`.contains${cased}`, fc.array(text, { minLength: 8, maxLength: 12 })),
    named(`.regex${cased}`, fc.constantFrom(...patterns)),
    ...['gt', 'gte', 'lt', 'lte'].map((operator) => named(`.${operator}`, bound)),
    named('.exists', fc.boolean()),
    named('.cidr', fc.constantFrom('10.0.0.0/8', '10.0.0.1', '10.0.0.0/30')),
  )
})
const where = fc.letrec<{ condition: unknown }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tested as fc.Arbitrary<unknown>,
    fc.tuple(tested, tested).map(([one, other]) => ({ ...one, ...other })),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((parts) => ({ all: parts })),
    tie('condition').map((part) => ({ not: part })),
  ),
})).condition

/** The same event as other programs would write it. */
const encoders: ReadonlyArray<readonly [string, (event: unknown) => string]> = [
  ['as we do', (made) => JSON.stringify(made)],
  ['with white space', (made) => JSON.stringify(made, null, 2)],
  ['in ASCII', (made) => JSON.stringify(made).replaceAll(/[^\x20-\x7e]/g, asEscape)],
  ['with escaped slashes', (made) => JSON.stringify(made).replaceAll('/', String.raw`\/`)],
]

function asEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

describe('conditions and the network before them', () => {
  test(
    'agree with a slow, obvious reading of where',
    () => {
      const rules = fc.array(where, { minLength: rulesARun, maxLength: rulesARun })
      const events = fc.array(event, { minLength: eventsARun, maxLength: eventsARun })
      fc.assert(
        fc.property(rules, events, (conditions, given) => {
          const source = conditions.map((condition, id) => ({
            id: `r${id}`,
            topic: 'APP',
            type: 'match',
            where: condition,
          }))
          const compiled = rulesOf(JSON.stringify({ rules: source }))
          const tests = compiled.map((rule) => compileCondition(rule.where))
          const network = createNetwork(compiled)
          for (const made of given) {
            const wanted = compiled.map((rule) => satisfies(rule.where, made))
            expect(tests.map((holds) => holds(made))).toEqual(wanted)
            const missed = (candidates: readonly number[]) =>
              wanted.flatMap((isWanted, rule) => (isWanted && !candidates.includes(rule) ? [rule] : []))
            expect(missed(network.ofEvent(made))).toEqual([])
            for (const [, encode] of encoders) {
              const candidates = network.ofBytes(Buffer.from(encode(made)))
              if (candidates) expect(missed(candidates)).toEqual([])
            }
          }
        }),
        { numRuns: runs, seed },
      )
    },
    timeoutMs,
  )
})
