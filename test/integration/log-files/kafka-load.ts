import { appendFileSync, renameSync, rmSync } from 'node:fs'
import { line } from './harness.ts'

export const bytesPerSecond = 20e6
const rotatedBytes = 15e6
const maxRotated = 20
/** A file is deleted so long after its last line was seen in the topic: by then the agent has saved that it is done. */
const keepMs = 3000

/**
 * Numbered records of about 1.5 kB at 20 MB/s; the file is renamed along the chain .1, .2, … every 15 MB and the oldest
 * deleted once `isRead` says that its last token has come. Where the chain is full and its oldest unread the load waits, as
 * the machine cannot keep up.
 */
export function startLoad(path: string, random: () => number, isRead: (token: number) => boolean) {
  const state = { written: 0, bytes: 0, rotations: 0, deleted: 0, heldBackMs: 0 }
  /** The last token of each rotated file, oldest first, and when it was seen in the topic. */
  const chain: Array<{ readonly last: number; readMs?: number }> = []
  let [lastMs, fileBytes] = [Date.now(), 0]
  const rotate = () => {
    for (let number = chain.length; number >= 1; number--) renameSync(`${path}.${number}`, `${path}.${number + 1}`)
    renameSync(path, `${path}.1`)
    chain.push({ last: state.written })
    state.rotations++
    fileBytes = 0
  }
  const retire = (nowMs: number) => {
    for (const file of chain) if (file.readMs === undefined && isRead(file.last)) file.readMs = nowMs
    const oldest = chain[0]
    if (chain.length < maxRotated || oldest?.readMs === undefined || nowMs - oldest.readMs < keepMs) return
    rmSync(`${path}.${chain.length}`)
    chain.shift()
    state.deleted++
  }
  const write = () => {
    const nowMs = Date.now()
    const elapsedMs = nowMs - lastMs
    lastMs = nowMs
    retire(nowMs)
    if (chain.length > maxRotated) {
      state.heldBackMs += elapsedMs
      return
    }
    // After a stall of the writer itself the load is what it can be.
    const due = Math.min(2e6, (elapsedMs / 1000) * bytesPerSecond)
    let text = ''
    while (text.length < due) text += line(`t${++state.written}e ${'x'.repeat(500 + random() * 2000)}`)
    appendFileSync(path, text)
    state.bytes += text.length
    fileBytes += text.length
    if (fileBytes >= rotatedBytes) rotate()
  }
  const timer = setInterval(write, 20)
  return { state, stop: () => clearInterval(timer) }
}
