import { readJsonFile, writeDurably } from '../../runtime/durable-file.ts'
import type { TopicPartition, TopicPartitionOffset } from '../transport.ts'

/** How far a migration of the log is; kept in a file, so that a second run goes on from there. */
export interface Journal {
  /** The first offset not carried yet; undefined before the first. */
  carried(partition: TopicPartition): number | undefined
  setCarried(partition: TopicPartition, offset: number): void
  /** Where the alerter stood before its places were moved; asked once, and remembered. */
  alerterPlaces(ask: () => Promise<readonly TopicPartitionOffset[]>): Promise<readonly TopicPartitionOffset[]>
  isPlaced(role: string): boolean
  place(role: string): void
}

interface Kept {
  readonly version: 1
  /** Where to: the journal of one Kafka says nothing of another. */
  readonly target: string
  readonly carried: Readonly<Record<string, number>>
  readonly placed: readonly string[]
  readonly alerter?: readonly TopicPartitionOffset[]
}

export function openJournal(path: string, target: string): Journal {
  const found = readJsonFile(path) as Kept | undefined
  let kept: Kept =
    found?.version === 1 && found.target === target ? found : { version: 1, target, carried: {}, placed: [] }
  const keep = (changes: Partial<Kept>) => {
    kept = { ...kept, ...changes }
    writeDurably(path, `${JSON.stringify(kept)}\n`)
  }
  const keyOf = ({ topic, partition }: TopicPartition) => `${topic} ${partition}`
  return {
    carried: (at) => kept.carried[keyOf(at)],
    setCarried: (at, offset) => keep({ carried: { ...kept.carried, [keyOf(at)]: offset } }),
    async alerterPlaces(ask) {
      const places = kept.alerter ?? (await ask())
      if (!kept.alerter) keep({ alerter: places })
      return places
    },
    isPlaced: (role) => kept.placed.includes(role),
    place: (role) => keep({ placed: [...kept.placed, role] }),
  }
}
