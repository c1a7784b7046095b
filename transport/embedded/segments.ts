import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A file of consecutive records, named by the offset of its first. */
export interface Segment {
  readonly baseOffset: number
  readonly path: string
}

const name = /^(\d{20})\.log$/

export function segmentPath(dir: string, baseOffset: number): string {
  return join(dir, `${String(baseOffset).padStart(20, '0')}.log`)
}

/** In offset order; empty where the folder is missing. */
export function listSegments(dir: string): Segment[] {
  let names: string[]
  try {
    names = readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
  return names
    .map((file) => ({ file, match: name.exec(file) }))
    .filter(({ match }) => match !== null)
    .map(({ file, match }) => ({ baseOffset: Number(match?.[1]), path: join(dir, file) }))
    .toSorted((a, b) => a.baseOffset - b.baseOffset)
}
