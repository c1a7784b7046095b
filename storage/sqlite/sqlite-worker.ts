import { parentPort, workerData } from 'node:worker_threads'
import type { Answers, Reply, Request, WorkerOptions } from './messages.ts'
import { DaysReader } from './read-days.ts'
import { problemOf } from './verify-day.ts'
import { DaysWriter } from './write-days.ts'

/** Runs in a thread of its own, so that no statement ever blocks the process's loop. */
const options = workerData as WorkerOptions
const writer = new DaysWriter(options)
const reader = new DaysReader(options)

function answer(request: Request): Answers[keyof Answers] {
  switch (request.op) {
    case 'write':
      return writer.write(request)
    case 'retain':
      return writer.retain()
    case 'search':
      return reader.search(request)
    case 'count':
      return reader.count(request)
    case 'top':
      return reader.top(request)
    case 'histogram':
      return reader.histogram(request)
    case 'verify': {
      const problem = problemOf(options.dir, request.day)
      return { ...(problem !== undefined && { problem }) }
    }
    case 'mend':
      return { events: writer.mend(request.day) }
    case 'close':
      writer.close()
      reader.close()
      return {}
  }
}

/** A day's file that is open keeps its room though it was removed; opened again it costs a few milliseconds. */
const idleMs = 30_000
const release = setTimeout(() => reader.close(), idleMs).unref()

parentPort?.on('message', ({ number, request }: { number: number; request: Request }) => {
  let reply: Reply
  try {
    reply = { number, ok: true, answer: answer(request) }
  } catch (error) {
    reply = { number, ok: false, message: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(reply)
  release.refresh()
})
