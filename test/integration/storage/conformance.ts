import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ThumpEvent } from '../../../event/event.ts'
import type { TopicName } from '../../../event/topics.ts'
import { parseQuery } from '../../../storage/query/parse.ts'
import type { QueryNode } from '../../../storage/query/query.ts'
import type { Storage, StoreItem } from '../../../storage/storage.ts'

/** One kind of storage; `refresh` makes what was written visible to searches. */
export interface OpenStorage {
  readonly storage: Storage
  refresh(): Promise<void>
  close(): Promise<void>
}

const never = new AbortController().signal
const day = Date.parse('2026-11-22T00:00:00.000Z')
const minute = 60_000

export function query(text: string): QueryNode {
  const parsed = parseQuery(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.query
}

/** An item, and what its value says. */
export interface TestItem extends StoreItem {
  readonly event: ThumpEvent
}

/** `extra` is merged over a plain event; its topic follows from the operation. */
export function itemOf(id: string, atMs: number, extra: Partial<ThumpEvent> = {}): TestItem {
  const event: ThumpEvent = {
    '@timestamp': new Date(atMs).toISOString(),
    message: id,
    service: { type: 'rabbitmq' },
    agent: { id: 'agent', version: '0' },
    ...extra,
    event: { dataset: 'rabbitmq.log', ...extra.event, id },
  }
  const topic: TopicName = event.amqp === undefined ? 'APP' : 'AMQP'
  return { topic, id, value: Buffer.from(JSON.stringify(event)), event, atMs }
}

const story: readonly TestItem[] = [
  itemOf('deleted', day + minute, {
    message: "queue 'order.created.v2' deleted by app",
    amqp: { operation: 'queue.delete' },
    user: { name: 'app' },
    source: { ip: '10.0.0.7' },
    rabbitmq: { queue: 'order.created.v2', vhost: '/', arguments: { 'x-max-length': 10 }, routing_keys: ['a.b', 'c'] },
    labels: { team: 'shop' },
  }),
  itemOf('declared', day + 2 * minute, {
    message: "queue 'Order.New' declared",
    amqp: { operation: 'queue.declare' },
    user: { name: 'App' },
    rabbitmq: { queue: 'Order.New', vhost: '/', connection: '10.0.0.7:31000 -> 10.0.9.1:5672' },
  }),
  itemOf('korean', day + 3 * minute, {
    message: '회원탈퇴를 요청했습니다: 카드론 문의',
    log: { level: 'warning' },
    app: { took: 700, at: '2026-11-20T10:00:00Z', name: 'Flux', steps: [{ by: 'Ann' }, { by: 'Bob' }] },
  }),
  itemOf('japanese', day + 4 * minute, { message: '接続が切断されました', log: { level: 'error' } }),
  itemOf('refused', day + 5 * minute, {
    message: "PLAIN login refused: user 'eve' - invalid credentials",
    log: { level: 'error', offset: 4096, file: { path: '/var/log/mq1.log' } },
    host: { name: 'MQ2' },
    service: { type: 'rabbitmq', name: 'orders' },
    event: { id: '', dataset: 'rabbitmq.log', code: 'login-refused' },
  }),
  // The next day, within one millisecond: the sequence orders them.
  ...[3, 1, 2].map((sequence) =>
    itemOf(`seq-${sequence}`, day + 1440 * minute + 7, { event: { id: '', dataset: 'rabbitmq.trace', sequence } }),
  ),
]

/** What every kind of storage must do, in the same words for all of them. */
export function describeStorage(name: string, open: () => Promise<OpenStorage>): void {
  describe(`the ${name} storage`, () => {
    let opened: OpenStorage
    let storage: Storage
    const range = { sinceMs: day, untilMs: day + 2 * 1440 * minute }

    beforeAll(async () => {
      opened = await open()
      storage = opened.storage
      await storage.store.setup(never)
      const outcomes = await storage.store.write(story, never)
      expect(outcomes).toEqual(story.map(() => ({ kind: 'stored', isDuplicate: false })))
      await opened.refresh()
    }, 60_000)

    afterAll(() => opened.close())

    const idsOf = async (text: string, sort: 'asc' | 'desc' = 'asc') => {
      const page = await storage.search.search({ ...range, query: query(text), sort, limit: 100 }, never)
      return page.events.map(({ event }) => event.id)
    }

    /** Page after page, oldest first, until there is no next. */
    const walk = async (text: string, limit: number) => {
      const ids: string[] = []
      let after: string | undefined
      do {
        const ask = { query: query(text), sort: 'asc', limit, ...(after !== undefined && { after }) } as const
        const page = await storage.search.search(ask, never)
        ids.push(...page.events.map(({ event }) => event.id))
        after = page.next
      } while (after !== undefined)
      return ids
    }

    test.each([
      ['amqp.operation: queue.delete', ['deleted']],
      ['amqp.operation: QUEUE.DELETE', ['deleted']],
      ['amqp.operation: queue.* and not rabbitmq.queue: order.new', ['deleted']],
      ['rabbitmq.queue: order.*', ['deleted', 'declared']],
      ['rabbitmq.queue: order.created', []],
      ['user.name: app', ['deleted', 'declared']],
      ['user.name: *', ['deleted', 'declared']],
      ['source.ip: 10.0.0.7', ['deleted']],
      ['log.level: (error or warning)', ['korean', 'japanese', 'refused']],
      ['event.code: login-refused or amqp.operation: queue.declare', ['declared', 'refused']],
      ['"login refused"', ['refused']],
      ['"refused login"', []],
      ['message: "login refused"', ['refused']],
      ['message: (카드론 or refused)', ['korean', 'refused']],
      ['탈퇴', ['korean']],
      ['카드론', ['korean']],
      ['切断', ['japanese']],
      ['order.created.v2', ['deleted']],
      ['log.offset >= 4096', ['refused']],
      ['log.offset < 4096', []],
      ['log.offset: *', ['refused']],
      ['log.file.path: /VAR/log/*', ['refused']],
      ['log.file.path: "/var/log/mq1.log" and not host.name: MQ1', ['refused']],
      ['host.name: mq2 or service.name: ord*', ['refused']],
      ['host.name: * and log.file.path >= 0', []],
      ['event.id: kor*', ['korean']],
      ['event.id: * and log.level: warning', ['korean']],
      ['log.offset: *', ['refused']],
      ['rabbitmq.routing_keys: c', ['deleted']],
      ['labels.team: shop', ['deleted']],
      ['labels.team: sh*', ['deleted']],
      ['labels.team: *', ['deleted']],
      ['rabbitmq.arguments.x-max-length > 5', ['deleted']],
      ['rabbitmq.arguments.x-max-length > 10', []],
      ['amqp: *', ['deleted', 'declared']],
      ['rabbitmq: * and not labels: *', ['declared']],
      ['app.took > 100', ['korean']],
      ['app.took > 700', []],
      ['app.took <= 700 and app.took: 7*', ['korean']],
      ['app.at >= 2026-11-20 and app.at < 2026-11-21', ['korean']],
      ['app.name: Fl*', ['korean']],
      ['app.name: FLUX', ['korean']],
      ['app.steps.by: b*b', ['korean']],
      ['app.steps.by: *', ['korean']],
      ['log.level: warning and not app.name: *', []],
      ['service.type: rabbit* and app.took: 700', ['korean']],
      ['service.type: kafka or app.none: *', []],
      ['not service.type: RabbitMQ', []],
      ['agent.id: agent and log.level: warning', ['korean']],
      ['@timestamp >= 2026-11-23', ['seq-1', 'seq-2', 'seq-3']],
      ['not event.dataset: rabbitmq.trace and not amqp.operation: *', ['korean', 'japanese', 'refused']],
    ])('finds %s', async (text, expected) => {
      expect(await idsOf(text)).toEqual(expected)
    })

    test('returns events as they were written, newest or oldest first', async () => {
      const page = await storage.search.search({ ...range, query: query('탈퇴'), sort: 'asc', limit: 1 }, never)
      expect(page.events).toEqual([story[2]?.event])
      expect(await idsOf('', 'desc')).toEqual(
        ['deleted', 'declared', 'korean', 'japanese', 'refused', 'seq-1', 'seq-2', 'seq-3'].toReversed(),
      )
    })

    test('keeps to the time range: from inclusive, until exclusive', async () => {
      const within = { sinceMs: day + 2 * minute, untilMs: day + 4 * minute }
      const page = await storage.search.search({ ...within, query: { kind: 'all' }, sort: 'asc', limit: 10 }, never)
      expect(page.events.map(({ event }) => event.id)).toEqual(['declared', 'korean'])
    })

    test.each(['asc', 'desc'] as const)(
      'pages %s over days and equal times without a gap or a repeat',
      async (sort) => {
        const ids: string[] = []
        let after: string | undefined
        do {
          const request = {
            ...range,
            query: { kind: 'all' },
            sort,
            limit: 3,
            ...(after !== undefined && { after }),
          } as const
          const page = await storage.search.search(request, never)
          ids.push(...page.events.map(({ event }) => event.id))
          after = page.next
        } while (after !== undefined)
        expect(ids).toEqual(await idsOf('', sort))
      },
    )

    test.each(['asc', 'desc'] as const)('pages %s over events that nothing but their ids tell apart', async (sort) => {
      const at = day + 40 * 1440 * minute
      const twins = Array.from({ length: 23 }, (_, index) =>
        itemOf(`twin-${index}`, at, { tags: ['twin'], ...(index % 2 === 0 && { amqp: { operation: 'queue.purge' } }) }),
      )
      await storage.store.write(twins, never)
      await opened.refresh()
      const ids: string[] = []
      let after: string | undefined
      do {
        const request = { query: query('tags: twin'), sort, limit: 4, ...(after !== undefined && { after }) } as const
        const page = await storage.search.search(request, never)
        ids.push(...page.events.map(({ event }) => event.id))
        after = page.next
      } while (after !== undefined)
      expect(ids.toSorted()).toEqual(twins.map(({ id }) => id).toSorted())
    })

    test('says of what is stored already that it is a duplicate, and keeps one', async () => {
      const again = story.slice(0, 2)
      expect(await storage.store.write(again, never)).toEqual(again.map(() => ({ kind: 'stored', isDuplicate: true })))
      await opened.refresh()
      expect(await storage.search.count(query('amqp.operation: *'), range, never)).toBe(2)
    })

    test('stores one of two equal ids in one write', async () => {
      const id = randomUUID()
      const twin = itemOf(id, day + 10 * 1440 * minute)
      const outcomes = await storage.store.write([twin, twin], never)
      expect(outcomes.map((outcome) => outcome.kind === 'stored' && outcome.isDuplicate)).toEqual([false, true])
    })

    test('counts exactly and pages to the end beyond ten thousand', async () => {
      const at = day + 5 * 1440 * minute
      const many = Array.from({ length: 12_000 }, (_, index) => itemOf(`many-${index}`, at + index, { tags: ['many'] }))
      for (let from = 0; from < many.length; from += 3000)
        await storage.store.write(many.slice(from, from + 3000), never)
      await opened.refresh()
      expect(await storage.search.count(query('tags: many'), {}, never)).toBe(12_000)
      for (const limit of [5000, 11_000]) expect(await walk('tags: many', limit)).toEqual(many.map(({ id }) => id))
    }, 60_000)

    test('gives the most frequent values of a field', async () => {
      const top = await storage.search.top('log.level', { kind: 'all' }, range, 10, never)
      expect(top).toEqual([
        { value: 'error', count: 2 },
        { value: 'warning', count: 1 },
      ])
    })

    test('gives the values of lists one by one, and of fields without a column', async () => {
      const keys = await storage.search.top('rabbitmq.routing_keys', { kind: 'all' }, range, 10, never)
      expect(keys.toSorted((a, b) => (a.value < b.value ? -1 : 1))).toEqual([
        { value: 'a.b', count: 1 },
        { value: 'c', count: 1 },
      ])
      const connections = await storage.search.top('rabbitmq.connection', { kind: 'all' }, range, 10, never)
      expect(connections).toEqual([{ value: '10.0.0.7:31000 -> 10.0.9.1:5672', count: 1 }])
    })

    test('finds and counts by what has no index, the same each time, over many days that mostly lack it', async () => {
      const from = day + 60 * 1440 * minute
      const days = Array.from({ length: 12 }, (_, index) => from + index * 1440 * minute)
      const items = days.map((at, index) =>
        itemOf(`day-${index}`, at, {
          ...(index % 2 === 1 && { amqp: { operation: 'queue.purge' } }),
          ...(index % 3 === 0 && { app: { took: index * 100, name: index < 9 ? 'Flux' : 'Ebb' } }),
        }),
      )
      await storage.store.write(items, never)
      await opened.refresh()
      const within = { sinceMs: from, untilMs: from + 12 * 1440 * minute }
      const { search } = storage
      for (let time = 0; time < 5; time++) {
        expect(await walk('app.took >= 300', 2)).toEqual(['korean', 'day-3', 'day-6', 'day-9'])
        expect(await walk('event.id: day-* and app.name: fl*', 1)).toEqual(['day-0', 'day-3', 'day-6'])
        expect(await search.count(query('not app.name: * and agent.id: agent'), within, never)).toBe(8)
        expect(await search.top('app.name', query('service.type: rabbit*'), within, 10, never)).toEqual([
          { value: 'Flux', count: 3 },
          { value: 'Ebb', count: 1 },
        ])
        expect(await search.top('service.type', query('app.took > 0'), within, 10, never)).toEqual([
          { value: 'rabbitmq', count: 3 },
        ])
        const course = await search.histogram(query('app.name: *'), within, 1440 * minute, never)
        expect(course.filter((bucket) => bucket.count > 0)).toEqual(
          [0, 3, 6, 9].map((index) => ({ atMs: days[index], count: 1 })),
        )
      }
    }, 60_000)

    test('gives the course over time', async () => {
      const buckets = await storage.search.histogram({ kind: 'all' }, range, 1440 * minute, never)
      expect(buckets.filter(({ count }) => count > 0)).toEqual([
        { atMs: day, count: 5 },
        { atMs: day + 1440 * minute, count: 3 },
      ])
    })

    test('gives what happened around an event: on its connection, page by page', async () => {
      const at = day + 30 * 1440 * minute
      const on = (id: string, minutes: number, rabbitmq: ThumpEvent['rabbitmq'], user?: string) =>
        itemOf(id, at + minutes * minute, {
          ...(rabbitmq && { rabbitmq }),
          ...(user !== undefined && { user: { name: user } }),
        })
      const connection = '10.0.0.9:50123 -> 10.0.0.1:5672'
      const items = [
        on('opened', 0, { connection, pid: '<0.77.0>' }),
        on('deed', 5, { connection, pid: '<0.77.0>', queue: 'orders' }, 'app'),
        on('by its process', 6, { pid: '<0.77.0>' }),
        on('of another', 7, { connection: '10.0.0.8:1 -> 10.0.0.1:5672', queue: 'orders' }, 'app'),
        on('much later', 70, { connection }),
        on('at the queue', 8, { queue: 'orders' }),
        on('alone', 9, undefined),
      ]
      await storage.store.write(items, never)
      await opened.refresh()
      const around = async (id: string, limit = 100) => {
        const ids: string[] = []
        let after: string | undefined
        do {
          const page = await storage.search.related(
            { id, sort: 'asc', limit, ...(after !== undefined && { after }) },
            never,
          )
          if (page.kind !== 'found') return page.kind
          ids.push(...page.events.map(({ event }) => event.id))
          after = page.next
        } while (after !== undefined)
        return ids
      }
      for (const limit of [1, 2, 100]) expect(await around('deed', limit)).toEqual(['opened', 'deed', 'by its process'])
      expect(await around('at the queue')).toEqual(['deed', 'of another', 'at the queue'])
      expect(await around('alone')).toBe('nothing-shared')
      expect(await around('nobody')).toBe('not-stored')
    })

    test('keeps fields it knows nothing of', async () => {
      const at = day + 20 * 1440 * minute
      const strange = itemOf('strange', at, { 'x-new': { deep: [1, { a: 'b' }] }, app: { 'a.b': { c: 1 } } })
      const outcomes = await storage.store.write([strange], never)
      expect(outcomes).toEqual([{ kind: 'stored', isDuplicate: false }])
      await opened.refresh()
      const found = await storage.search.search(
        { sinceMs: at, untilMs: at + 1, query: { kind: 'all' }, sort: 'asc', limit: 1 },
        never,
      )
      expect(found.events).toEqual([strange.event])
    })
  })
}
