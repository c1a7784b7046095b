export const errorCodes = ['THUMP_CONFIG', 'THUMP_UNAVAILABLE', 'THUMP_REJECTED', 'THUMP_SHUTDOWN'] as const
export type ErrorCode = (typeof errorCodes)[number]

/** Every error thrown on purpose. `code` is stable API; `message` is for people. Subclasses say who must act. */
export class ThumpError extends Error {
  override readonly name: string = 'ThumpError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** One thing wrong in a file people edit. `line` and `column` count from 1; 0 where the place is not known. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Dotted path of the key, or the rule's code, e.g. `kafka.brokers`. */
  readonly path: string
  readonly message: string
  readonly severity: 'error' | 'warning'
}

/** The operator must act: the process exits 78 before anything has started. Carries every problem, not the first. */
export class ConfigError extends ThumpError {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super('THUMP_CONFIG', problems.map(formatProblem).join('\n'), options)
    this.problems = problems
  }
}

/** `agent.yaml:3:18 kafka.batchMaxEvent: Unrecognized key` */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file
  return path === '' ? `${place} ${message}` : `${place} ${path}: ${message}`
}

/** A dependency is away: the same call may succeed later. */
export class UnavailableError extends ThumpError {
  override readonly name = 'UnavailableError'
  readonly dependency: string
  constructor(dependency: string, cause?: unknown) {
    super('THUMP_UNAVAILABLE', `${dependency} is unavailable${cause instanceof Error ? `: ${cause.message}` : ''}`, {
      cause,
    })
    this.dependency = dependency
  }
}

/** The dependency answered and will never accept this: retrying is useless. */
export class RejectedError extends ThumpError {
  override readonly name = 'RejectedError'
  readonly reason: string
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super('THUMP_REJECTED', message, options)
    this.reason = reason
  }
}

/** The deepest message of an error: what really went wrong. */
export function reasonOf(error: unknown): string {
  let deepest = error
  for (let depth = 0; depth < 6 && deepest instanceof Error && deepest.cause instanceof Error; depth++)
    deepest = deepest.cause
  if (deepest instanceof AggregateError && deepest.errors.length > 0) return reasonOf(deepest.errors[0])
  return deepest instanceof Error ? deepest.message || deepest.name : String(deepest)
}

const briefly = 300

/** The same where anybody may read it, as `/readyz`: one short line. */
export function briefReasonOf(error: unknown): string {
  const line = reasonOf(error)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return line.length > briefly ? `${line.slice(0, briefly)}…` : line
}

/** SQLite's codes for what the system says: busy, read only, not readable, full, cannot be opened. */
const systemCodesOfSqlite = new Set([5, 8, 10, 13, 14])

/** Is it no mistake of ours: said on purpose, or the system's answer (a connection refused, a disk that is full)? */
export function isOutside(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false
  return error instanceof ThumpError || isOfSystem(error) || isOutside(error.cause, depth + 1)
}

function isOfSystem(error: Error & { readonly errcode?: unknown }): boolean {
  return 'syscall' in error || systemCodesOfSqlite.has(Number(error.errcode) & 0xff)
}
