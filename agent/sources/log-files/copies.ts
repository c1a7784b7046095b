import { holdsContent, readRange, statFile, withFile } from './evidence.ts'
import type { Generation } from './generation.ts'

const comparedBytes = 4096

/** Does the open file, as far as it goes, hold what the generation's own file does? (copytruncate, before the truncation) */
export function isCopy(fd: number, size: number, generation: Generation): boolean {
  if (size > generation.size || size === 0) return false
  const compare = (own: number) => {
    const isSame = (from: number, to: number) => readRange(fd, from, to).equals(readRange(own, from, to))
    return isSame(Math.max(0, size - comparedBytes), size) && isSame(0, Math.min(comparedBytes, size))
  }
  return generation.fd !== undefined ? compare(generation.fd) : withFile(generation.saved.path, compare)
}

/** Does its own file, at the places that were read, hold something else by now? */
export function isReplaced({ fd, saved }: Generation): boolean {
  const holds = (own: number) => holdsContent(own, statFile(own).size, saved)
  return fd === undefined ? !withFile(saved.path, holds) : !holds(fd)
}
