import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from './evidence.ts'

/** Lists folders, each at most once per look; remembers what could not be listed. */
export class Folders {
  readonly #lists = new Map<string, readonly string[]>()
  /** Folders that exist but could not be read: nothing may be concluded from what they do not show. */
  readonly failed = new Map<string, string>()

  list(folder: string): readonly string[] {
    const known = this.#lists.get(folder)
    if (known) return known
    let names: readonly string[] = []
    try {
      names = readdirSync(folder).sort()
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.failed.set(folder, code)
    }
    this.#lists.set(folder, names)
    return names
  }
}

const magic = /[*?[{]/
const maxDepth = 16

/** A glob over absolute paths: `*`, `?`, `[…]`, `{a,b}` within a name, `**` over folders. */
export interface Glob {
  matches(path: string): boolean
  /** Existing paths that match, folders among them. */
  expand(folders: Folders): string[]
  /** The folder that must exist for anything to match. */
  readonly root: string
  /** As it was written. */
  readonly pattern: string
}

/** The pattern of this path alone, whatever letters stand in it. */
export const globOf = (path: string): string => path.replaceAll(/[*?[{]/g, (letter) => `[${letter}]`)

export function createGlob(pattern: string): Glob {
  const parts = pattern.split('/').filter((part) => part !== '')
  const fixed = parts.findIndex((part) => magic.test(part))
  const rootParts = fixed === -1 ? parts.slice(0, -1) : parts.slice(0, fixed)
  const rest = parts.slice(rootParts.length).map((part) => (part === '**' ? '**' : nameTest(part)))
  const root = `/${rootParts.join('/')}`
  return {
    root,
    pattern,
    matches(path) {
      const names = path.split('/').filter((part) => part !== '')
      return rootParts.every((part, index) => part === names[index]) && matchFrom(rest, names.slice(rootParts.length))
    },
    expand: (folders) => [...new Set(walk(root, rest, folders, 0))],
  }
}

type Part = '**' | RegExp

function matchFrom(parts: readonly Part[], names: readonly string[]): boolean {
  const [part, ...others] = parts
  if (part === undefined) return names.length === 0
  if (part === '**') return matchFrom(others, names) || (names.length > 0 && matchFrom(parts, names.slice(1)))
  return names[0] !== undefined && part.test(names[0]) && matchFrom(others, names.slice(1))
}

function walk(folder: string, parts: readonly Part[], folders: Folders, depth: number): string[] {
  const [part, ...others] = parts
  if (part === undefined || depth > maxDepth) return []
  if (part === '**') {
    const here = walk(folder, others, folders, depth)
    const below = folders.list(folder).flatMap((name) => walk(join(folder, name), parts, folders, depth + 1))
    return [...here, ...below]
  }
  const found = folders
    .list(folder)
    .filter((name) => part.test(name))
    .map((name) => join(folder, name))
  return others.length === 0 ? found : found.flatMap((path) => walk(path, others, folders, depth + 1))
}

function nameTest(part: string): RegExp {
  let source = ''
  let inBraces = false
  for (let at = 0; at < part.length; at++) {
    const letter = part[at] ?? ''
    if (letter === '*') source += '[^/]*'
    else if (letter === '?') source += '[^/]'
    else if (letter === '{') {
      inBraces = true
      source += '(?:'
    } else if (letter === '}' && inBraces) {
      inBraces = false
      source += ')'
    } else if (letter === ',' && inBraces) source += '|'
    else if (letter === '[' && part.indexOf(']', at) !== -1) {
      const close = part.indexOf(']', at + 2) === -1 ? part.indexOf(']', at) : part.indexOf(']', at + 2)
      source += `[${part
        .slice(at + 1, close)
        .replace(/^!/, '^')
        .replaceAll('\\', '\\\\')}]`
      at = close
    } else source += letter.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  }
  if (inBraces) source += ')'
  // As in a shell, a leading dot is matched only by a dot.
  return new RegExp(`^${part.startsWith('.') ? '' : '(?!\\.)'}${source}$`)
}
