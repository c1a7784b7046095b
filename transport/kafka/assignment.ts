export interface GroupMember {
  readonly memberId: string
  readonly topics: readonly string[]
}

export type Assignment = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>

/**
 * Who reads what: member → topic → partitions. Every partition goes to one member that wants its topic; the members'
 * shares differ by one at most where all want the same. Depends on nothing but its input.
 */
export function assignPartitions(members: readonly GroupMember[], partitions: ReadonlyMap<string, number>): Assignment {
  const sorted = members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const assigned = new Map(sorted.map(({ memberId }) => [memberId, new Map<string, number[]>()]))
  let turn = 0
  for (const [topic, count] of [...partitions].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const willing = sorted.filter(({ topics }) => topics.includes(topic))
    if (willing.length === 0) continue
    for (let partition = 0; partition < count; partition++) {
      const topics = assigned.get(willing[turn++ % willing.length]?.memberId ?? '')
      const mine = topics?.get(topic)
      if (mine) mine.push(partition)
      else topics?.set(topic, [partition])
    }
  }
  return assigned
}
