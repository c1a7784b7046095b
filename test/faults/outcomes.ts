import { eventually } from '../servers/eventually.ts'

const counters = [
  'thump_stored_total',
  'thump_store_retries_total',
  'thump_store_unavailable_total',
  'thump_store_hung_total',
  'thump_dead_letters_total',
  'thump_dead_letters_refused_total',
  'thump_consumer_gap_records_total',
  'thump_consumer_gaps_total',
  'thump_consumer_restarts_total',
  'thump_kafka_failures_total',
]

/** What `/metrics` says became of the records: counter, with its label's value where it has one, to its sum. */
export type Outcomes = ReadonlyMap<string, number>

/** The counters of outcomes in the text of `/metrics`, those that are not zero. */
function readOutcomes(text: string): Outcomes {
  const found = text.matchAll(/^(thump_\w+)(?:\{\w+="([^"]*)".*\})? (\d+)$/gm)
  return new Map(
    [...found].flatMap(([, name = '', label, value]) => {
      if (!counters.includes(name) || value === '0') return []
      const short = name.replace(/^thump_|_total$/g, '')
      return [[label === undefined ? short : `${short} ${label}`, Number(value)]] as const
    }),
  )
}

/** Asked until it answers: what a busy process does not say in time is not nothing. */
export async function outcomesOf(healthUrl: string): Promise<Outcomes> {
  return await eventually(
    async () => {
      const response = await fetch(`${healthUrl}/metrics`, { signal: AbortSignal.timeout(5000) })
      return readOutcomes(await response.text())
    },
    { withinMs: 60_000, what: `an answer of ${healthUrl}` },
  )
}

export function summed(all: readonly Outcomes[]): Outcomes {
  const sums = new Map<string, number>()
  for (const one of all) for (const [name, count] of one) sums.set(name, (sums.get(name) ?? 0) + count)
  return sums
}

export function since(after: Outcomes, before: Outcomes): Outcomes {
  const gone = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
  return new Map(gone.filter(([, count]) => count > 0))
}
