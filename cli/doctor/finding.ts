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
