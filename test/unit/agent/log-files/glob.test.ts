import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createGlob, globOf } from '../../../../agent/sources/log-files/glob.ts'

test('a path taken as it is names itself, whatever letters stand in it, and nothing else', () => {
  const name = fc.string({
    unit: fc.constantFrom('a', '*', '?', '[', ']', '{', '}', '!', ',', '.', '\\'),
    minLength: 1,
  })
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`)
  fc.assert(
    fc.property(path, path, (one, other) => {
      const glob = createGlob(globOf(one))
      expect(glob.matches(one)).toBe(true)
      expect(glob.matches(other)).toBe(one === other)
    }),
    { numRuns: 500 },
  )
})
