import type { Context } from './context.ts'

export interface Progress {
  /** Shows how far the work on `what` is; on a terminal only, a few times a second. */
  show(what: string, done: number, total: number): void
  /** A line that stays. */
  line(text: string): void
}

const everyMs = 200

/** Progress for people on standard error: one line that moves on a terminal, only lasting lines elsewhere. */
export function createProgress({ err }: Pick<Context, 'err'>, isTty = process.stderr.isTTY === true): Progress {
  let shownAtMs = 0
  let started = { what: '', atMs: 0 }
  let isShown = false
  const clear = () => {
    if (isShown) err.write('\r\u001b[K')
    isShown = false
  }
  return {
    show(what, done, total) {
      const nowMs = performance.now()
      if (started.what !== what) started = { what, atMs: nowMs }
      if (!isTty || nowMs - shownAtMs < everyMs) return
      shownAtMs = nowMs
      const seconds = Math.max(0.001, (nowMs - started.atMs) / 1000)
      const share = total > 0 ? Math.floor((done / total) * 100) : 100
      clear()
      err.write(`${what}  ${count(done)} of ${count(total)} (${share} %)  ${count(Math.round(done / seconds))}/s`)
      isShown = true
    },
    line(text) {
      clear()
      err.write(`${text}\n`)
    },
  }
}

export function count(number: number): string {
  return number.toLocaleString('en-US')
}
