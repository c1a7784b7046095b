import { describe, expect, test } from 'vitest'
import { bigramQuery, bigrams } from '../../../../storage/sqlite/bigrams.ts'

describe('text for the index', () => {
  test.each([
    ['Order.created.v2', 'or rd de er cr re ea at te ed v2'],
    ['카드론 문의', '카드 드론 문의'],
    ['切断 a 1', '切断 a 1'],
    ['', ''],
    ['ab bc', 'ab \u00b7 bc'],
    ['a ab', 'a \u00b7 ab'],
  ])('%j is %j', (text, expected) => {
    expect(bigrams(text)).toBe(expected)
  })

  test('is the same, letter by letter or by way of Unicode', () => {
    for (const text of ["queue 'a.bb' b", 'x-y_z zz z z9', 'A1 1b b']) {
      const foreign = bigrams(`${text} 가`)
      expect(foreign).toBe(`${bigrams(text)} 가`)
    }
  })
})

describe('the question to the index', () => {
  test.each([
    ['created', '"cr re ea at te ed"', true],
    ['order.v2', '"or rd de er v2"', false],
    ['a order b', '"or rd de er"', false],
    ['카드', '"카드"', true],
    ['created:', '"cr re ea at te ed"', false],
  ])('for %j is %j', (text, match, isExact) => {
    expect(bigramQuery(text)).toEqual({ match, isExact })
  })

  test('is none for what is shorter than a pair', () => {
    expect(bigramQuery('a')).toBeUndefined()
    expect(bigramQuery('- b!')).toBeUndefined()
  })
})
