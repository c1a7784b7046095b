import { type FileStat, holdsContent, readRange, statFile, withFile } from './evidence.ts'
import type { Generation } from './generation.ts'

const comparedBytes = 4096

/** Does the open file, as far as it goes, hold what the generation's own file does? (copytruncate, before the truncation) */
export function isCopy(fd: number, size: number, generation: Generation): boolean {
  if (size > generation.size || size === 0) return false
  const compare = (own: number) => isBeginning(fd, own, size)
  return generation.fd !== undefined ? compare(generation.fd) : withFile(generation.saved.path, compare)
}

/**
 * Is the live file what the generation's file, new as well and not yet read, was copied from? A copy is younger than its
 * original (file systems count in ticks: or as old); what was renamed away is older than the file that took its place.
 */
export function isOriginal(fd: number, { size, birthNs }: FileStat, copy: Generation): boolean {
  const { saved, readTo } = copy
  if (readTo > 0 || copy.size === 0 || copy.size > size || BigInt(saved.birthNs) < BigInt(birthNs)) return false
  return withFile(saved.path, (of) => isBeginning(of, fd, copy.size))
}

/** Are the files the same at the beginning and before `size`? */
function isBeginning(one: number, other: number, size: number): boolean {
  const isSame = (from: number, to: number) => readRange(one, from, to).equals(readRange(other, from, to))
  return isSame(Math.max(0, size - comparedBytes), size) && isSame(0, Math.min(comparedBytes, size))
}

/** Does its own file, at the places that were read, hold something else by now? */
export function isReplaced({ fd, saved }: Generation): boolean {
  const holds = (own: number) => holdsContent(own, statFile(own).size, saved)
  return fd === undefined ? !withFile(saved.path, holds) : !holds(fd)
}
