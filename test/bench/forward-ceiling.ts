import { Pool } from 'undici'
import type { TopicName } from '../../event/topics.ts'
import { recordsOf } from './forward-events.ts'

/** A `_bulk` body that lies ready, and how many documents it holds. */
export interface Body {
  readonly bytes: Buffer
  readonly documents: number
}

/** How a server is fed. */
export interface FeedSetting {
  /** In one bulk. */
  readonly documents: number
  readonly inFlight: number
}

/** All bodies in memory before the clock starts: what the server can take when nothing has to be done for it. */
export function prebuild(total: number, size: number, indexOf: (topic: TopicName) => string): Body[] {
  return [...recordsOf(total, size)].map((records) => {
    const lines = records.flatMap(({ topic, value, headers }) => [
      Buffer.from(`{"create":{"_index":"${indexOf(topic)}","_id":"${headers.id}"}}\n`),
      value,
      Buffer.from('\n'),
    ])
    return { bytes: Buffer.concat(lines), documents: records.length }
  })
}

/** Sends the bodies with so many in flight; documents a second from the first answer to the last. */
export async function feed(url: string, bodies: readonly Body[], inFlight: number): Promise<number> {
  const pool = new Pool(url, { connections: inFlight })
  const waiting = bodies.values()
  let documents = 0
  let startedMs: number | undefined
  const send = async ({ bytes, documents: count }: Body) => {
    const path = '/_bulk?filter_path=items.create.status,items.create.error'
    const headers = { 'content-type': 'application/x-ndjson' }
    const { statusCode, body } = await pool.request({ method: 'POST', path, headers, body: bytes })
    const text = await body.text()
    if (statusCode !== 200 || text.includes('"error"')) throw new Error(`bulk failed: ${text.slice(0, 500)}`)
    if (startedMs === undefined) startedMs = performance.now()
    else documents += count
  }
  const work = async () => {
    for (const body of waiting) await send(body)
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  await pool.close()
  return (documents * 1000) / (performance.now() - (startedMs ?? 0))
}
