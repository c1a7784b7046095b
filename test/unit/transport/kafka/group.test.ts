import { expect, test } from 'vitest'
import { silentLogger } from '../../../../runtime/log.ts'
import type { KafkaClient } from '../../../../transport/kafka/client.ts'
import { Group } from '../../../../transport/kafka/group.ts'
import type { Metadata } from '../../../../transport/kafka/metadata.ts'
import { Outage, OutageLog } from '../../../../transport/kafka/outage.ts'

/** A member that has not joined; `coordinators` come one a question, and what is asked of whom is kept. */
function groupOf(coordinators: number[]) {
  const asked: string[] = []
  const client = {
    ask: async (node: number | undefined, api: string) => {
      asked.push(`${api} ${node ?? 'any'}`)
      if (node === 7) throw new Error('it is away')
      return api === 'GroupCoordinator' ? { errorCode: 0, coordinator: { nodeId: coordinators.shift() } } : {}
    },
  } as unknown as KafkaClient
  const group = new Group({
    client,
    metadata: { refreshedAtMs: 1 } as Metadata,
    outage: new Outage(new OutageLog(silentLogger, () => 0)),
    groupId: 'g',
    topics: ['APP'],
    prepare: async () => {},
    given: async () => {},
    taken: async () => {},
  })
  return { group, asked, beat: () => group.ask('Heartbeat', {}) }
}

test.each([
  ['NOT_COORDINATOR_FOR_GROUP', 16],
  ['GROUP_COORDINATOR_NOT_AVAILABLE', 15],
])('a coordinator that says %s is not asked again: who it is now is', async (error, code) => {
  const { group, asked, beat } = groupOf([1, 2])
  await beat()
  await beat()
  expect(group.note(code)).toBe(error)
  await beat()
  expect(asked).toEqual(['GroupCoordinator any', 'Heartbeat 1', 'Heartbeat 1', 'GroupCoordinator any', 'Heartbeat 2'])
})

test('a coordinator that does not answer is looked for anew', async () => {
  const { asked, beat } = groupOf([7, 2])
  await expect(beat()).rejects.toThrow('it is away')
  await beat()
  expect(asked).toEqual(['GroupCoordinator any', 'Heartbeat 7', 'GroupCoordinator any', 'Heartbeat 2'])
})
