import { onTestFinished } from 'vitest'
import { sleep } from '../../runtime/retry.ts'
import { runThump, type ThumpProcess } from '../servers/run-thump.ts'
import type { Forwarding } from './forwarding.ts'
import { type Outcomes, outcomesOf, summed } from './outcomes.ts'

/** Processes of one consumer group, each of which may be killed and replaced. */
export interface Forwarders {
  readonly running: readonly ThumpProcess[]
  replace(index: number): Promise<void>
  /** Of all that ever ran: of those that were killed as far as they had come when they were last asked. */
  outcomes(): Promise<Outcomes>
}

export async function runForwarders(yaml: string, count: number): Promise<Forwarders> {
  const running: ThumpProcess[] = []
  const past: Outcomes[] = []
  const start = async (index: number) => {
    running[index] = await runThump(['forwarder'], { config: yaml })
  }
  onTestFinished(async () => void (await Promise.all(running.map((role) => role.kill()))), 30_000)
  await Promise.all(Array.from({ length: count }, (_, index) => start(index)))
  return {
    running,
    async replace(index) {
      const role = running[index]
      if (role) past.push(await outcomesOf(role.healthUrl))
      await role?.kill()
      await start(index)
    },
    outcomes: async () => summed([...past, ...(await Promise.all(running.map((role) => outcomesOf(role.healthUrl))))]),
  }
}

/** A stranger joins the forwarders' group each second and leaves it again, and reads what it is given without ever committing. */
export function startRebalancing({ transport }: Forwarding): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const options = { role: 'forwarder', topics: ['APP'], startAt: 'beginning' } as const
      const { stop } = await transport.createConsumer(options, { records: async () => {} })
      await sleep(1000, stopping.signal).catch(() => {})
      await stop()
    }
  })()
  return {
    stop: () => {
      stopping.abort()
      return running
    },
  }
}
