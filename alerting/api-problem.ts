import type { z } from 'zod'

/** What is wrong with a request, in one line: `endsAt: Invalid ISO datetime`. */
export function problemOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`).join('; ')
}
