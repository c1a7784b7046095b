import { Pool } from 'undici'
import type { TopicName } from '../../event/topics.ts'
import { recordsOf } from './forward-events.ts'
import { type Progress, steadyRate } from './forward-rate.ts'

const newline = Buffer.from('\n')

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
  /** A bulk's documents go into one index. */
  readonly isOfOneTopic: boolean
}

type IndexOf = (topic: TopicName) => string

/** All bodies in memory before the clock starts, in the order of time: what the server takes if nothing has to be done for it. */
export function prebuild(total: number, { documents, isOfOneTopic }: FeedSetting, indexOf: IndexOf): Body[] {
  const bodies: Body[] = []
  const gathering = new Map<string, { readonly lines: Uint8Array[]; documents: number }>()
  for (const { topic, value, headers } of [...recordsOf(total, documents)].flat()) {
    const kind = isOfOneTopic ? topic : 'all'
    const one = gathering.get(kind) ?? { lines: [], documents: 0 }
    gathering.set(kind, one)
    one.lines.push(Buffer.from(`{"create":{"_index":"${indexOf(topic)}","_id":"${headers.id}"}}\n`), value, newline)
    if (++one.documents < documents) continue
    bodies.push({ bytes: Buffer.concat(one.lines), documents })
    gathering.delete(kind)
  }
  for (const one of gathering.values()) bodies.push({ bytes: Buffer.concat(one.lines), documents: one.documents })
  return bodies
}

/** To its end; a document that is refused is an error. */
export async function send(pool: Pool, { bytes }: Body): Promise<void> {
  const path = '/_bulk?filter_path=items.create.status,items.create.error'
  const headers = { 'content-type': 'application/x-ndjson' }
  const { statusCode, body } = await pool.request({ method: 'POST', path, headers, body: bytes })
  const text = await body.text()
  if (statusCode !== 200 || text.includes('"error"')) throw new Error(`bulk failed: ${text.slice(0, 500)}`)
}

/** Sends the bodies with so many in flight; documents a second. */
export async function feed(url: string, bodies: readonly Body[], inFlight: number): Promise<number> {
  const pool = new Pool(url, { connections: inFlight })
  const waiting = bodies.values()
  const points: Progress[] = []
  let documents = 0
  const work = async () => {
    for (const body of waiting) {
      await send(pool, body)
      documents += body.documents
      points.push({ ms: performance.now(), documents })
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  await pool.close()
  return steadyRate(points, documents)
}
