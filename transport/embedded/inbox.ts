import { randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { topicNames } from '../../event/topics.ts'
import { writeDurably } from '../../runtime/durable-file.ts'
import { ThumpError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { ConnectedProducer, OutRecord, Producer } from '../transport.ts'

/** A process that may not write the log leaves its records here; the one that owns it takes them in. */
export const inboxDir = (dir: string): string => join(dir, 'inbox')

/** Nobody has taken anything in for a long time: more would only hide that. */
const maxWaiting = 10_000
const lookEveryMs = 1000

interface Letter {
  readonly version: 1
  readonly records: ReadonlyArray<Omit<OutRecord, 'value'> & { readonly value: string }>
}

/** Resolves when the records are on disk beside the log; the owner of the log puts them into it, now or at its next start. */
export function createInboxProducer(dir: string): ConnectedProducer {
  return {
    isConnected: () => true,
    problem: () => undefined,
    send(records, signal) {
      signal.throwIfAborted()
      const inbox = inboxDir(dir)
      try {
        mkdirSync(inbox, { recursive: true, mode: 0o750 })
        const path = join(inbox, `${String(Date.now()).padStart(15, '0')}-${randomUUID()}.json`)
        if (readdirSync(inbox).length >= maxWaiting)
          throw new Error(`${maxWaiting} records wait in it already: is thump up running?`)
        writeDurably(path, encode(records))
        giveToOwner(dir, [inbox, path])
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        return Promise.reject(new ThumpError('THUMP_UNAVAILABLE', `${inbox} takes no records: ${why}`, { cause }))
      }
      return Promise.resolve({ rejected: [] })
    },
  }
}

/** What an administrator leaves must be readable to the account that Thump runs as. */
function giveToOwner(dir: string, paths: readonly string[]): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(dir)
  for (const path of paths) chownSync(path, uid, gid)
}

/** Takes in what other processes left, in the order it came, until stopped. */
export function startInbox(dir: string, producer: Producer, log: Logger): Started<undefined> {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = (async () => {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await takeInbox(dir, producer, log, signal)
        if (failures > 0) log.info({ failures }, 'records left by other processes are taken in again')
        failures = 0
      } catch (err) {
        // Told once, however long it lasts.
        if (!signal.aborted && failures++ === 0)
          log.error({ err, dir }, 'records left by other processes cannot be taken in')
      }
      await sleep(lookEveryMs, signal).catch(() => {})
    }
  })()
  const stop = async () => {
    stopping.abort(new Error('the log is stopping'))
    await running
  }
  return { value: undefined, stop }
}

/** Sends what lies there on, and removes it; how many records. What cannot be read is set aside and told. */
export async function takeInbox(dir: string, producer: Producer, log: Logger, signal: AbortSignal): Promise<number> {
  const inbox = inboxDir(dir)
  let taken = 0
  if (!existsSync(inbox)) return taken
  for (const name of readdirSync(inbox).toSorted()) {
    if (!name.endsWith('.json')) continue
    const path = join(inbox, name)
    const records = decode(readFileSync(path, 'utf8'))
    if (!records) {
      renameSync(path, `${path}.damaged`)
      log.error({ path: `${path}.damaged` }, 'records left by another process are damaged: set aside')
      continue
    }
    const { rejected } = await producer.send(records, signal)
    for (const { reason, error } of rejected) log.error({ path, reason, error }, 'a record left here is refused')
    // Killed before this they come again under the same ids.
    rmSync(path)
    taken += records.length - rejected.length
  }
  return taken
}

/** A checksum before the text: a torn or changed file is told from a whole one. */
function encode(records: readonly OutRecord[]): string {
  const letter: Letter = {
    version: 1,
    records: records.map((record) => ({ ...record, value: Buffer.from(record.value).toString('base64') })),
  }
  const text = JSON.stringify(letter)
  return `${crc32(text)} ${text}\n`
}

function decode(content: string): OutRecord[] | undefined {
  const [, sum, text] = /^(\d+) (.*)\n$/s.exec(content) ?? []
  if (text === undefined || crc32(text) !== Number(sum)) return undefined
  const { version, records } = JSON.parse(text) as Letter
  const isKnown = (version as number) === 1 && records.every(({ topic }) => topicNames.includes(topic))
  return isKnown ? records.map((record) => ({ ...record, value: Buffer.from(record.value, 'base64') })) : undefined
}
