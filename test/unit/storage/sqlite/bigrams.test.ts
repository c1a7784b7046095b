import { describe, expect, test } from 'vitest'
import { bigramQuery, bigrams } from '../../../../storage/sqlite/bigrams.ts'

/** Signs as they stand in tokens. */
const sign = (text: string) => text.replace(/[^a-z0-9\s]/g, (one) => String.fromCharCode(0xe000 + one.charCodeAt(0)))
const space = '\ue020'

describe('text for the index', () => {
  test.each([
    ['Order.v2', sign('or rd de er r. .v v2')],
    ['카드론 문의', `카드 드론 론${space} ${space}문 문의`],
    ['切断 a', `切断 断${space} ${space}a`],
    ['ab bc', `ab b${space} ${space}b bc`],
    ['a', ''],
    ['', ''],
    ['😀b', '😀b'],
  ])('%j is %j', (text, expected) => {
    expect(bigrams(text)).toBe(expected)
  })

  test('is the same, letter by letter or by way of Unicode', () => {
    for (const text of ["queue 'a.bb' b", 'x-y_z zz z z9', 'A1 1b b\t\n"quoted"*'])
      expect(bigrams(`${text}가`)).toBe(`${bigrams(text)} ${bigrams(`${text.at(-1)}가`)}`)
  })

  test('does not take a letter for private use for the sign that it would stand for', () => {
    expect(bigrams('a\ue02eb')).not.toBe(bigrams('a.b'))
  })
})

describe('the question to the index', () => {
  test.each([
    ['Created', '"cr re ea at te ed"'],
    ['r.v2', `"${sign('r. .v v2')}"`],
    ['카드', '"카드"'],
    ['"*', `"${sign('"*')}"`],
  ])('for %j is %j', (text, match) => {
    expect(bigramQuery(text)).toBe(match)
  })

  test.each(['a', '.', '', 'a\ue02e', '\ufffdb', 'x\ud800'])('is none for %j', (text) => {
    expect(bigramQuery(text)).toBeUndefined()
  })
})
