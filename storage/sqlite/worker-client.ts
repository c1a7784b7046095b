import { Worker } from 'node:worker_threads'
import { UnavailableError } from '../../runtime/errors.ts'
import type { Started } from '../../runtime/shutdown.ts'
import type { Answers, Reply, Request, WorkerOptions } from './messages.ts'

export interface WorkerClient {
  /** Rejects with UnavailableError when the worker fails or ends, with the signal's reason when it aborts. */
  ask<Op extends Request['op']>(
    request: Request & { op: Op },
    signal?: AbortSignal,
    transfer?: readonly ArrayBuffer[],
  ): Promise<Answers[Op]>
}

export function startWorker(options: WorkerOptions): Started<WorkerClient> {
  const worker = new Worker(new URL('sqlite-worker.ts', import.meta.url), { workerData: options })
  const waiting = new Map<number, PromiseWithResolvers<never>>()
  let numbers = 0
  let failure: Error | undefined
  const failAll = (error: Error) => {
    failure = error
    for (const { reject } of waiting.values()) reject(new UnavailableError('SQLite', error))
    waiting.clear()
  }
  worker.on('message', (reply: Reply) => {
    const asked = waiting.get(reply.number)
    waiting.delete(reply.number)
    if (reply.ok) asked?.resolve(reply.answer as never)
    else asked?.reject(new UnavailableError('SQLite', new Error(reply.message)))
  })
  worker.on('error', failAll)
  worker.on('exit', () => failAll(new Error('the storage worker has ended')))
  const value: WorkerClient = {
    ask(request, signal, transfer = []) {
      if (failure) return Promise.reject(new UnavailableError('SQLite', failure))
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      const asked = Promise.withResolvers<never>()
      const number = numbers++
      waiting.set(number, asked)
      const onAbort = () => asked.reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      worker.postMessage({ number, request }, [...transfer])
      return asked.promise.finally(() => signal?.removeEventListener('abort', onAbort))
    },
  }
  const stop = async () => {
    await value.ask({ op: 'close' }).catch(() => {})
    await worker.terminate()
  }
  return { value, stop }
}
