import { once } from 'node:events'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { UnavailableError } from '../../runtime/errors.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { Answers, Reply, Request, WorkerOptions } from './messages.ts'

/** A source here, and built beside this module. */
const workerProgram = join(import.meta.dirname, `sqlite-worker${extname(import.meta.filename)}`)

export interface WorkerClient {
  /** Rejects with UnavailableError when the worker fails or ends, with the signal's reason when it aborts. */
  ask<Op extends Request['op']>(
    request: Request & { op: Op },
    signal?: AbortSignal,
    transfer?: readonly ArrayBuffer[],
  ): Promise<Answers[Op]>
}

export function startWorker(options: WorkerOptions): Started<WorkerClient> {
  const waiting = new Map<number, PromiseWithResolvers<never>>()
  let numbers = 0
  let isStopped = false
  let worker: Worker | undefined = spawn()
  function spawn(): Worker {
    const started = spawnWorker(options)
    let cause = new Error('the storage worker has ended')
    started.on('message', (reply: Reply) => {
      const asked = waiting.get(reply.number)
      waiting.delete(reply.number)
      if (reply.ok) asked?.resolve(reply.answer as never)
      else asked?.reject(new UnavailableError('SQLite', new Error(reply.message)))
    })
    started.on('error', (error) => (cause = error as Error))
    // A thread may run out of memory: what became of its questions is unknown, and the next finds a new one.
    started.on('exit', () => {
      for (const { reject } of waiting.values()) reject(new UnavailableError('SQLite', cause))
      waiting.clear()
      worker = undefined
    })
    return started
  }
  const value: WorkerClient = {
    ask(request, signal, transfer = []) {
      if (isStopped) return Promise.reject(new UnavailableError('SQLite', new Error('the storage is closed')))
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      const asked = Promise.withResolvers<never>()
      const number = numbers++
      waiting.set(number, asked)
      const onAbort = () => asked.reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      worker ??= spawn()
      worker.postMessage({ number, request }, [...transfer])
      return asked.promise.finally(() => signal?.removeEventListener('abort', onAbort))
    },
  }
  const stop = async () => {
    const closed = value.ask({ op: 'close' }).catch(() => {})
    isStopped = true
    await closed
    await worker?.terminate()
  }
  return { value, stop }
}

/** One question to a thread of its own, which ends with the answer, or at once when the signal aborts: for what only reads. */
export async function askOnce<Op extends Request['op']>(
  options: WorkerOptions,
  request: Request & { op: Op },
  signal: AbortSignal,
): Promise<Answers[Op]> {
  const worker = spawnWorker(options, smallHeap)
  try {
    worker.postMessage({ number: 0, request })
    const [reply] = (await once(worker, 'message', { signal })) as [Reply]
    if (!reply.ok) throw new UnavailableError('SQLite', new Error(reply.message))
    return reply.answer as Answers[Op]
  } finally {
    await worker.terminate()
  }
}

/** Megabytes: going through millions of events leaves rubbish that is better taken away than kept. */
const smallHeap = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 }

function spawnWorker(options: WorkerOptions, resourceLimits = {}): Worker {
  return new Worker(workerProgram, { workerData: options, resourceLimits })
}
