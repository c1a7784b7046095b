import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { ThumpEvent } from '../../event/event.ts'
import { sleep } from '../../runtime/retry.ts'
import { eventually } from '../servers/eventually.ts'
import type { Installation } from './installation.ts'
import { found } from './stored.ts'
import { connectApp, declareAndDelete, failLogin, type WatchedBroker } from './watched-broker.ts'

/** Deeds go on, numbered from `first`, while processes die; the number after the last is the answer. */
export function startTraffic(broker: WatchedBroker, id: string, first = 0): { stop(): Promise<number> } {
  const stopping = new AbortController()
  const running = (async () => {
    const app = await connectApp(broker, `traffic-${id}`)
    let deeds = first
    while (!stopping.signal.aborted) {
      await declareAndDelete(app, `e2e.${id}.${deeds}`)
      await failLogin(broker, `intruder-${id}-${deeds}`)
      deeds++
      // Paced, so that every kill falls into traffic.
      await sleep(60, stopping.signal).catch(() => {})
    }
    await app.close()
    return deeds
  })()
  return {
    stop: () => {
      stopping.abort()
      return running
    },
  }
}

const countBy = (events: readonly ThumpEvent[], name: (event: ThumpEvent) => string | undefined) => {
  const counts = new Map<string, number>()
  for (const event of events) {
    const key = name(event)
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

/** Every deed is stored exactly once, as an operation and as a log line, and was told at least once. */
export async function expectAll(installation: Installation, broker: WatchedBroker, deeds: number): Promise<void> {
  const { id, http } = installation
  const numbers = Array.from({ length: deeds }, (_, index) => index)
  const once = (name: string) => new Map(numbers.map((number) => [`${name}${number}`, 1]))
  const sorted = (counts: Map<string, number>) => [...counts].toSorted(([a], [b]) => a.localeCompare(b, 'en'))
  for (const operation of ['queue.declare', 'queue.delete']) {
    await eventually(
      async () => {
        const events = await found(installation, `amqp.operation: ${operation} and rabbitmq.queue: e2e.${id}.*`)
        expect(sorted(countBy(events, ({ rabbitmq }) => rabbitmq?.queue))).toEqual(sorted(once(`e2e.${id}.`)))
        return true
      },
      { withinMs: 60_000, everyMs: 1000, what: `each ${operation} stored once` },
    )
  }
  // The truth about log lines is the file: a login may be told in one record or in two.
  const lines = readFileSync(broker.logFile, 'utf8')
  const refused = new RegExp(`login refused: user 'intruder-${id}-\\d+'`, 'g')
  const inFile = [...lines.matchAll(refused)].length
  expect(inFile).toBeGreaterThanOrEqual(deeds)
  await eventually(
    async () => {
      const events = await found(installation, `event.code: login-refused and user.name: intruder-${id}-*`)
      expect(sorted(countBy(events, ({ user }) => user?.name))).toEqual(sorted(once(`intruder-${id}-`)))
      return true
    },
    { withinMs: 60_000, everyMs: 1000, what: 'each refused login stored once' },
  )
  // Each body is read once: the receiver lives in this process, and must get its turn.
  const told = new Set<string | undefined>()
  let seen = 0
  const areAllTold = () => {
    for (; seen < http.requests.length; seen++) {
      const { path = '', body = '' } = http.requests[seen] ?? {}
      if (path !== '/hook') continue
      const { alert } = JSON.parse(body) as { alert?: { key?: Record<string, string> } }
      told.add(alert?.key?.['rabbitmq.queue'])
    }
    return numbers.every((number) => told.has(`e2e.${id}.${number}`))
  }
  await eventually(areAllTold, {
    withinMs: 60_000,
    everyMs: 200,
    what: 'every alert delivered',
  })
}
