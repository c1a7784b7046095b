import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignPartitions } from '../../../../transport/kafka/assignment.ts'

const member = (memberId: string, ...topics: string[]) => ({ memberId, topics })
const shares = (assignment: ReturnType<typeof assignPartitions>) =>
  [...assignment].map(([id, topics]) => [id, Object.fromEntries(topics)])

test('partitions go round, over topics', () => {
  const partitions = new Map([
    ['AMQP', 1],
    ['APP', 3],
  ])
  expect(shares(assignPartitions([member('b', 'APP', 'AMQP'), member('a', 'APP', 'AMQP')], partitions))).toEqual([
    ['a', { AMQP: [0], APP: [1] }],
    ['b', { APP: [0, 2] }],
  ])
})

test('nobody is given a topic that it does not want', () => {
  const partitions = new Map([
    ['AMQP', 2],
    ['APP', 2],
    ['METRIC', 1],
  ])
  expect(shares(assignPartitions([member('a', 'APP'), member('b', 'APP', 'AMQP')], partitions))).toEqual([
    ['a', { APP: [0] }],
    ['b', { AMQP: [0, 1], APP: [1] }],
  ])
})

test('each partition has one reader, and shares differ by one at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(7), { maxLength: 5 }), (members, counts) => {
      const partitions = new Map(counts.map((count, index) => [`T${index}`, count]))
      const all = Array.from({ length: members }, (_, index) => member(`m${index}`, ...partitions.keys()))
      const assignment = assignPartitions(all, partitions)
      const given = [...assignment.values()].map((topics) =>
        [...topics].flatMap(([topic, ones]) => ones.map((partition) => `${topic}-${partition}`)),
      )
      const expected = [...partitions].flatMap(([topic, count]) =>
        Array.from({ length: count }, (_, partition) => `${topic}-${partition}`),
      )
      expect(given.flat().toSorted()).toEqual(expected.toSorted())
      const sizes = given.map(({ length }) => length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})
