import { scannedCharacters } from '../rules/predicate.ts'

const maxDepth = 20

/** Does an event hold a text that rules look at in part only? Asked of those whose bytes are more than that alone. */
export function isScannedInPart(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.length > scannedCharacters
  if (typeof value !== 'object' || value === null || depth > maxDepth) return false
  for (const name in value) if (isScannedInPart((value as Record<string, unknown>)[name], depth + 1)) return true
  return false
}
