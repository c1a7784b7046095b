import type { Context } from '../context.ts'

/** What a check found. `fix` is the exact command, or the key to set. */
export interface Finding {
  readonly check: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly fix?: string
}

export type Check = (context: Context) => Promise<readonly Finding[]>

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail })
export const warn = (check: string, detail: string, fix?: string): Finding => ({
  check,
  status: 'warn',
  detail,
  ...(fix !== undefined && { fix }),
})
export const fail = (check: string, detail: string, fix?: string): Finding => ({
  check,
  status: 'fail',
  detail,
  ...(fix !== undefined && { fix }),
})

/** The deepest message of an error: what really went wrong. */
export function reasonOf(error: unknown): string {
  let deepest = error
  for (let depth = 0; depth < 6 && deepest instanceof Error && deepest.cause instanceof Error; depth++)
    deepest = deepest.cause
  if (deepest instanceof AggregateError && deepest.errors.length > 0) return reasonOf(deepest.errors[0])
  return deepest instanceof Error ? deepest.message || deepest.name : String(deepest)
}
