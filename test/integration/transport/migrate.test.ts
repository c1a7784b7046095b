import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { moveOffsets, readOffsets } from '../../../alerting/state/move-offsets.ts'
import { openStateDatabase } from '../../../alerting/state/database.ts'
import { engineSchema } from '../../../alerting/state/outbox.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { openStoppedLog } from '../../../transport/embedded/stopped-log.ts'
import { openGroupOffsets } from '../../../transport/kafka/group-offsets.ts'
import type { KafkaOptions } from '../../../transport/kafka/kafka-parts.ts'
import { openJournal } from '../../../transport/migrate/journal.ts'
import { migrateLog } from '../../../transport/migrate/migrate-log.ts'
import type { Producer } from '../../../transport/transport.ts'
import { eventually } from '../../servers/eventually.ts'
import { recordOf } from './conformance.ts'
import { folder, never, openAt } from './embedded-setup.ts'
import { kafkaOptions, openKafka, readAll } from './kafka-setup.ts'

const at = { topic: 'APP', partition: 0 } as const
const texts = Array.from({ length: 10 }, (_, number) => `record ${number}`)
const names = { APP: 'APP', AMQP: 'AMQP', METRIC: 'METRIC', THUMP: 'THUMP', DEADLETTER: 'DEADLETTER' } as const

/** Ten records, of which the forwarder has settled five and the alerter has read eight; one more waits in the inbox. */
async function stoppedThump(): Promise<{ dir: string; state: string }> {
  const dir = folder()
  const { value, stop } = await openAt(join(dir, 'log'), { partitions: 1 })
  const producer = await value.createProducer()
  for (const text of texts) await producer.value.send([recordOf('k', text)], never)
  for (const [role, offset] of [
    ['forwarder', 5],
    ['alerting', 7],
  ] as const) {
    const consumer = await value.createConsumer(
      { role, topics: ['APP'], startAt: 'beginning' },
      { records: async () => {} },
    )
    await consumer.value.commit([{ ...at, offset }])
  }
  await stop()
  const beside = await openAt(join(dir, 'log'), { partitions: 1, mode: 'read' })
  await (await beside.value.createProducer()).value.send([recordOf('k', 'left beside')], never)
  const state = join(dir, 'alerting/state.db')
  mkdirSync(join(dir, 'alerting'))
  // Its own place is ahead of what it told the log.
  const db = openStateDatabase(state)
  db?.value.migrate('engine', engineSchema)
  db?.value.prepare("INSERT INTO offsets VALUES ('APP', 0, 8, NULL)").run()
  await db?.stop()
  return { dir, state }
}

async function migrate(
  { dir, state }: { dir: string; state: string },
  options: KafkaOptions,
  change: (producer: Producer) => Producer = (producer) => producer,
) {
  const deps = { log: silentLogger, metrics: createMetrics(), now: systemClock }
  const source = openStoppedLog(join(dir, 'log'), names, deps)
  const groups = openGroupOffsets(options, silentLogger)
  const { transport } = await openKafka(options)
  const producer = await transport.createProducer()
  try {
    return await migrateLog(
      {
        source: source.value,
        producer: change(producer.value),
        groups: groups.value,
        journal: openJournal(join(dir, 'journal.json'), 'kafka'),
        alerter: { places: () => readOffsets(state), move: (offsets) => moveOffsets(state, offsets) },
        log: silentLogger,
        onProgress: () => {},
      },
      never,
    )
  } finally {
    await groups.stop()
    await source.stop()
    await producer.stop()
  }
}

/** What a role reads on Kafka from where it stands. */
async function readAs(
  options: KafkaOptions,
  role: string,
  startAt: readonly { offset: number; partition: number }[] = [],
) {
  const { transport } = await openKafka(options)
  const overrides = startAt.map((one) => ({ ...one, topic: 'APP' as const }))
  const read = await readAll(transport, startAt.length > 0 ? { assigned: () => Promise.resolve(overrides) } : {}, {
    role,
  })
  await eventually(() => read.texts().includes('left beside'), { what: `${role} to read to the end` })
  await read.stop()
  return read.texts()
}

test('Kafka gets what was not read yet, in its order, and both roles go on where they stood', async () => {
  const thump = await stoppedThump()
  const options = kafkaOptions()
  expect(await migrate(thump, options)).toEqual({ records: 6, refused: 0, lostOffsets: 0 })
  expect(await readAs(options, 'forwarder')).toEqual([...texts.slice(5), 'left beside'])
  const places = (await readOffsets(thump.state)).filter(({ topic }) => topic === 'APP')
  expect(places).toHaveLength(2)
  expect(await readAs(options, 'elsewhere', places)).toEqual([...texts.slice(8), 'left beside'])
  expect(await readAs(options, 'alerting')).toEqual([...texts.slice(8), 'left beside'])
  // Again: everything is there, and nobody's place is moved.
  expect(await migrate(thump, options)).toEqual({ records: 0, refused: 0, lostOffsets: 0 })
  expect((await readOffsets(thump.state)).filter(({ topic }) => topic === 'APP')).toEqual(places)
})

test('broken off at every step it goes on, and nothing is missing', async () => {
  const thump = await stoppedThump()
  const options = kafkaOptions()
  let sent = 0
  const failing = (producer: Producer): Producer => ({
    send: async (records, signal) => {
      const result = await producer.send(records, signal)
      // Kafka has it, and we never hear of it.
      if (sent++ < 2) throw new Error('broken off')
      return result
    },
  })
  for (let run = 0; run < 2; run++) await expect(migrate(thump, options, failing)).rejects.toThrow('broken off')
  await migrate(thump, options, failing)
  const seen = await readAs(options, 'forwarder')
  expect([...new Set(seen)]).toEqual([...texts.slice(5), 'left beside'])
})

test('a log that a process owns is not migrated', async () => {
  const thump = await stoppedThump()
  const owner = await openAt(join(thump.dir, 'log'), { partitions: 1 })
  onTestFinished(owner.stop)
  await expect(migrate(thump, kafkaOptions())).rejects.toThrow('another thump owns')
})

test('a group whose members are at work is not moved under them', async () => {
  const options = kafkaOptions()
  const { transport } = await openKafka(options)
  const { consumer } = await readAll(transport, {}, { role: 'forwarder' })
  await eventually(() => consumer.isConnected(), { what: 'the member to join' })
  const groups = openGroupOffsets(options, silentLogger)
  onTestFinished(groups.stop)
  await eventually(
    () =>
      expect(groups.value.commit('forwarder', [{ ...at, offset: 0 }])).rejects.toThrow('are at work: stop them first'),
    { what: 'the refusal' },
  )
})
