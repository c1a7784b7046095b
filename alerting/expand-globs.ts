import { existsSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'

/** Files that patterns name, sorted, each once. `*` and `?` stay within a path's step, `**` spans steps. */
export function expandGlobs(patterns: readonly string[]): { files: string[]; missing: string[] } {
  const files = new Set<string>()
  const missing: string[] = []
  for (const pattern of patterns) {
    if (!/[*?]/.test(pattern)) {
      if (existsSync(pattern)) files.add(pattern)
      else missing.push(pattern)
      continue
    }
    const steps = pattern.split(sep)
    const fixed = steps.findIndex((step) => /[*?]/.test(step))
    const root = steps.slice(0, fixed).join(sep) || (pattern.startsWith(sep) ? sep : '.')
    walk(root, steps.slice(fixed), files)
  }
  return { files: [...files].toSorted(), missing }
}

function walk(folder: string, steps: readonly string[], found: Set<string>): void {
  const [step = '', ...rest] = steps
  if (step === '**') walk(folder, rest, found)
  for (const entry of entries(folder)) {
    const path = join(folder, entry.name)
    // A ConfigMap's files are links: what they lead to decides, and its hidden ..data folder is not walked.
    const isFolder = entry.isDirectory()
    if (step === '**') {
      if (isFolder && !entry.name.startsWith('.')) walk(path, steps, found)
    } else if (matches(step, entry.name)) {
      if (rest.length > 0) walk(path, rest, found)
      else if (!isFolder) found.add(path)
    }
  }
}

function entries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function matches(step: string, name: string): boolean {
  if (name.startsWith('.') && !step.startsWith('.')) return false
  const pattern = step
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${pattern}$`).test(name)
}
