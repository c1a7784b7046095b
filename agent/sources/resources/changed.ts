import type { QueueReading, QueueReadings } from './queue-readings.ts'

/** A queue's numbers, and how fast its depth goes up or down since the last reading. */
export interface QueueNews {
  readonly reading: QueueReading
  readonly perSecond?: number
}

export interface Chooser {
  /** What of a reading is to be told; remembers it as told. */
  choose(readings: QueueReadings, atMs: number): QueueNews[]
}

const watched = ['messages_ready', 'messages_unacked', 'consumers'] as const

/**
 * `changed`: those whose numbers differ from the ones told last, and each at least once in `everyMs`; `all`: all. Forgets
 * queues that are gone.
 */
export function createChooser(which: 'changed' | 'all', everyMs: number): Chooser {
  let told = new Map<string, { readonly reading: QueueReading; readonly atMs: number }>()
  let last: { readonly readings: QueueReadings; readonly atMs: number } | undefined
  return {
    choose(readings, atMs) {
      const news: QueueNews[] = []
      const next: typeof told = new Map()
      for (const [key, reading] of readings) {
        const before = told.get(key)
        const isNews = which === 'all' || !before || atMs - before.atMs >= everyMs || differs(before.reading, reading)
        if (isNews) news.push({ reading, ...rateOf(last?.readings.get(key), reading, atMs - (last?.atMs ?? atMs)) })
        next.set(key, before && !isNews ? before : { reading, atMs })
      }
      told = next
      last = { readings, atMs }
      return news
    },
  }
}

const differs = (a: QueueReading, b: QueueReading) => watched.some((field) => a[field] !== b[field])

function rateOf(before: QueueReading | undefined, now: QueueReading, ms: number): { perSecond?: number } {
  if (before?.messages === undefined || now.messages === undefined || ms <= 0) return {}
  return { perSecond: Math.round(((now.messages - before.messages) * 1e6) / ms) / 1000 }
}
