import type { Client } from '@elastic/elasticsearch'
import { expect, test } from 'vitest'
import { itemOf } from './conformance.ts'
import { beside, freshPrefix, never, ready } from './elasticsearch-harness.ts'

const day = Date.parse('2026-11-22T12:00:00Z')
const stored = { kind: 'stored', isDuplicate: false }

interface Trouble {
  readonly reason: string
  /** Done to the day's index, which is there already. */
  readonly make: (client: Client, index: string) => Promise<unknown>
  readonly mend: (client: Client, index: string) => Promise<unknown>
}

const block = (name: string): Trouble => ({
  reason: 'cluster_block_exception',
  make: (client, index) => client.indices.putSettings({ index, settings: { [`index.blocks.${name}`]: true } }),
  mend: (client, index) => client.indices.putSettings({ index, settings: { [`index.blocks.${name}`]: null } }),
})

/** What an operator does to an installation, or a full disk: of each of them no event is to blame. */
const troubles: Readonly<Record<string, Trouble>> = {
  'blocked as by the flood stage of a full disk': block('read_only_allow_delete'),
  'blocked as read-only': block('read_only'),
  'blocked for writes': block('write'),
  closed: {
    reason: 'index_closed_exception',
    make: (client, index) => client.indices.close({ index }),
    mend: (client, index) => client.indices.open({ index }),
  },
  'replaced by an alias of two, neither for writing': {
    reason: 'illegal_argument_exception',
    async make(client, index) {
      await client.indices.delete({ index })
      for (const other of [`${index}-a`, `${index}-b`])
        await client.indices.create({ index: other, aliases: { [index]: {} } })
    },
    mend: (client, index) => client.indices.delete({ index: [`${index}-a`, `${index}-b`] }),
  },
  'given a pipeline that is not there': {
    reason: 'illegal_argument_exception',
    make: (client, index) => client.indices.putSettings({ index, settings: { 'index.default_pipeline': 'absent' } }),
    mend: (client, index) => client.indices.putSettings({ index, settings: { 'index.default_pipeline': null } }),
  },
}

test.each(Object.entries(troubles))(
  'an index that is %s costs no event: its events are tried again, alone, and stored once it is mended',
  async (_, { reason, make, mend }) => {
    const prefix = freshPrefix()
    const client = beside(prefix)
    const { store } = await ready(prefix)
    await store.write([itemOf('before', day)], never)
    const index = `${prefix}-app-2026.11.22`
    await make(client, index)
    const [event, other] = [itemOf('event', day), itemOf('of the day before', day - 86_400_000)]
    expect(await store.write([event, other], never)).toEqual([{ kind: 'retry', reason }, stored])
    await mend(client, index)
    expect(await store.write([event], never)).toEqual([stored])
  },
)
