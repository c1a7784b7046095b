import { readFileSync } from 'node:fs'

/** The product's version, from package.json beside the code. */
export const version: string = readVersion()

function readVersion(): string {
  // Compiled output lies one folder deeper than the sources.
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        name?: string
        version?: string
      }
      if (parsed.name === 'thump' && parsed.version !== undefined) return parsed.version
    } catch {
      // The next place, then.
    }
  }
  return '0.0.0'
}
