import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Replaces a small file so that after any crash either the old or the new content is there, never half of one. */
export function writeDurably(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o640)
  try {
    writeSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  // The rename itself lives in the folder.
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** The file's JSON, or undefined where it is missing or torn: nothing in the data folder may stop the start. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
