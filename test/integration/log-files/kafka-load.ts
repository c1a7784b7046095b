import { appendFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { peekCheckpoint } from '../../../agent/sources/log-files/checkpoint-file.ts'
import { checkpointPath } from '../../../agent/sources/log-files/log-files.ts'
import { line } from './harness.ts'

const bytesPerSecond = 20e6
const rotatedBytes = 15e6
const maxRotated = 20

/**
 * Numbered records of about 1.5 kB at 20 MB/s; the file is renamed along the chain .1, .2, … every 15 MB and the oldest
 * deleted once the agent's checkpoint says that it is done. While the chain is full and its oldest is not, the load waits:
 * the machine cannot keep up.
 */
export function startLoad(path: string, dataDir: string, random: () => number) {
  const state = { written: 0, bytes: 0, rotations: 0, deleted: 0, heldBackMs: 0 }
  let [lastMs, fileBytes, rotated] = [Date.now(), 0, 0]
  const rotate = () => {
    for (let number = rotated; number >= 1; number--) renameSync(`${path}.${number}`, `${path}.${number + 1}`)
    renameSync(path, `${path}.1`)
    rotated++
    state.rotations++
    fileBytes = 0
  }
  const isOldestDone = () => {
    const { ino, size } = statSync(`${path}.${rotated}`)
    const saved = peekCheckpoint(checkpointPath(dataDir))?.generations ?? []
    // A file that was deleted may have had the same inode, and is remembered for a while.
    return saved.some((one) => one.ino === String(ino) && one.offset === size)
  }
  const retire = () => {
    rmSync(`${path}.${rotated--}`)
    state.deleted++
  }
  const write = () => {
    const nowMs = Date.now()
    const elapsedMs = nowMs - lastMs
    lastMs = nowMs
    if (fileBytes >= rotatedBytes) {
      if (rotated >= maxRotated && isOldestDone()) retire()
      if (rotated >= maxRotated) {
        state.heldBackMs += elapsedMs
        return
      }
      rotate()
    }
    // After a stall of the writer itself the load is what it can be.
    const due = Math.min(6e6, (elapsedMs / 1000) * bytesPerSecond)
    let text = ''
    while (text.length < due) text += line(`t${++state.written}e ${'x'.repeat(500 + random() * 2000)}`)
    appendFileSync(path, text)
    state.bytes += text.length
    fileBytes += text.length
  }
  const timer = setInterval(write, 20)
  return { state, stop: () => clearInterval(timer) }
}
