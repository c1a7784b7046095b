import { stringify } from 'yaml'
import { inUnits } from './in-units.ts'
import type { LoadedConfig } from './load.ts'
import { configSchema } from './schema.ts'
import { hideUriPassword, Secret } from './secret.ts'

/** The effective configuration as YAML with each value's origin as a comment; secrets and URI passwords hidden. */
export function printConfig({ config, origins }: LoadedConfig): string {
  const lines: string[] = []
  walk(inUnits(configSchema, config), [], (path, value) =>
    lines.push(`${path}: ${scalar(value)}  # ${originOf(path, origins)}`),
  )
  return `${lines.join('\n')}\n`
}

function walk(value: unknown, path: readonly string[], leaf: (path: string, value: unknown) => void): void {
  if (
    typeof value !== 'object' ||
    value === null ||
    value instanceof Secret ||
    (Array.isArray(value) && value.length === 0)
  ) {
    leaf(path.join(''), value)
    return
  }
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    const step = Array.isArray(value) ? `[${key}]` : path.length === 0 ? key : `.${key}`
    walk(item, [...path, step], leaf)
  }
}

function scalar(value: unknown): string {
  if (value instanceof Secret) return '[secret]'
  return stringify(typeof value === 'string' ? hideUriPassword(value) : value, { lineWidth: 0 }).trimEnd()
}

function originOf(path: string, origins: LoadedConfig['origins']): string {
  for (let at = path; at !== ''; at = at.replace(/(?:\.[^.[]+|\[\d+\]|^[^.[]+)$/, '')) {
    const found = origins.get(at)
    if (found !== undefined) return found
  }
  return 'default'
}
