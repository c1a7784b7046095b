import { Kafka, logLevel } from 'kafkajs'
import { expect, onTestFinished, test } from 'vitest'
import { readTopic } from '../../cli/read-topic.ts'
import { readDeadLetters } from '../../forwarder/dead-letters.ts'
import { Shutdown } from '../../runtime/shutdown.ts'
import { eventually } from '../servers/eventually.ts'
import { runThump } from '../servers/run-thump.ts'
import { shared } from '../servers/shared.ts'
import { outcomesOf } from './outcomes.ts'
import { eventOf, type Forwarding, startForwarding } from './forwarding.ts'

const patiently = { withinMs: 60_000, everyMs: 250 }

async function begin(): Promise<Forwarding> {
  const own = new Shutdown()
  onTestFinished(() => own.run(AbortSignal.timeout(30_000)), 60_000)
  const { kafka, elasticsearch } = shared()
  const nodes = [elasticsearch.url]
  return await startForwarding({ brokers: kafka.brokers, nodes, direct: nodes }, own)
}

async function administer(work: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>): Promise<void> {
  const admin = new Kafka({ brokers: [...shared().kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await work(admin)
  } finally {
    await admin.disconnect()
  }
}

const forwarderOf = async ({ yaml }: Forwarding) => {
  const forwarder = await runThump(['forwarder'], { config: yaml })
  onTestFinished(async () => void (await forwarder.kill()))
  return forwarder
}

async function sendNumbered(forwarding: Forwarding, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++)
    await forwarding.sendRaw(`id-${number}`, JSON.stringify(eventOf(`id-${number}`, number)))
}

/** Ids of the events that are no gap's, and what the gaps' events say. */
async function storedIn(forwarding: Forwarding) {
  const ids = await forwarding.storedIds()
  const url = `${shared().elasticsearch.url}/${forwarding.prefix}-self/_search?q=event.action:topic.gap`
  const { hits } = (await (await fetch(url)).json()) as { hits?: { hits: { _source: { app: object } }[] } }
  return { ids: ids.filter((id) => id.startsWith('id-')), gaps: hits?.hits.map(({ _source }) => _source.app) ?? [] }
}

test('records that Kafka removed before they were read are an event with their range, a figure, and nothing else is lost', async () => {
  const forwarding = await begin()
  const topic = forwarding.config.transport.topics.app
  const first = await forwarderOf(forwarding)
  await sendNumbered(forwarding, 0, 3)
  await eventually(async () => (await storedIn(forwarding)).ids.length === 3, patiently)
  await first.stop()
  await sendNumbered(forwarding, 3, 10)
  let partition = -1
  await administer(async (admin) => {
    const offsets = await admin.fetchTopicOffsets(topic)
    partition = offsets.find(({ high }) => high === '10')?.partition ?? -1
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '7' }] })
  })
  const second = await forwarderOf(forwarding)
  const gap = { topic: 'APP', partition, from: 3, to: 7, reason: 'retention' }
  await eventually(
    async () =>
      expect(await storedIn(forwarding)).toEqual({
        ids: [0, 1, 2, 7, 8, 9].map((number) => `id-${number}`),
        gaps: [gap],
      }),
    patiently,
  )
  expect((await outcomesOf(second.healthUrl)).get('consumer_gap_records APP')).toBe(4)
  await second.ready()
})

test('a topic that is removed and made anew under a running forwarder is told as a gap, and read from its beginning', async () => {
  const forwarding = await begin()
  const topic = forwarding.config.transport.topics.app
  const forwarder = await forwarderOf(forwarding)
  await sendNumbered(forwarding, 0, 10)
  await eventually(async () => (await storedIn(forwarding)).ids.length === 10, patiently)
  await administer(async (admin) => {
    await admin.deleteTopics({ topics: [topic] })
    // False where the forwarder was first, which makes what is missing.
    await eventually(() => admin.createTopics({ topics: [{ topic, numPartitions: 3 }] }).then(() => true))
  })
  await sendNumbered(forwarding, 10, 13)
  const gap = { topic: 'APP', partition: expect.any(Number) as number, from: 10, to: 0, reason: 'truncated' }
  const found = async () => {
    const { ids, gaps } = await storedIn(forwarding)
    return { count: ids.length, gaps }
  }
  // The gap's event goes a way of its own.
  await eventually(async () => expect(await found()).toEqual({ count: 13, gaps: [gap] }), patiently)
  await forwarder.ready()
  // What comes next is committed: another one begins behind it.
  await forwarder.stop()
  const next = await forwarderOf(forwarding)
  await sendNumbered(forwarding, 13, 14)
  await eventually(async () => (await storedIn(forwarding)).ids.length === 14, patiently)
  expect((await outcomesOf(next.healthUrl)).get('stored duplicate')).toBeUndefined()
})

test('a DEADLETTER that takes nothing makes the forwarder not ready, costs nothing, and is filled once it is mended', async () => {
  const forwarding = await begin()
  const topic = forwarding.config.transport.topics.deadLetter
  const limit = (value: string) => ({
    validateOnly: false,
    resources: [{ type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value }] }],
  })
  await forwarding.transport.ensureTopics(AbortSignal.timeout(60_000))
  await administer((admin) => admin.alterConfigs(limit('50')))
  const forwarder = await forwarderOf(forwarding)
  await forwarder.ready()
  await forwarding.sendPoison(3)
  await forwarding.sendGood(3)
  const readiness = async () => {
    const response = await fetch(`${forwarder.healthUrl}/readyz`)
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean; detail?: string }> }
    return [response.status, checks['forwarder-dead-letters'], checks['forwarder-lag']?.detail]
  }
  const refused = { ok: false, detail: 'DEADLETTER refuses: too-large' }
  await eventually(async () => expect(await readiness()).toEqual([503, refused, '3 read and not settled']), patiently)
  expect((await outcomesOf(forwarder.healthUrl)).get('dead_letters_refused too-large')).toBeGreaterThanOrEqual(3)
  await administer((admin) => admin.alterConfigs(limit('1000000')))
  await forwarder.ready()
  await eventually(async () => expect(await readiness()).toEqual([200, { ok: true }, 'nothing waits']), patiently)
  const letters = await lettersOf(forwarding)
  expect(new Set(letters.map(({ id }) => id))).toEqual(forwarding.poison)
  expect(await forwarding.storedIds()).toEqual([...forwarding.good].toSorted())
})

const lettersOf = async ({ transport }: Forwarding) =>
  readDeadLetters(await readTopic(transport, 'DEADLETTER', AbortSignal.timeout(60_000)))
