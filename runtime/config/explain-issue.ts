import { z } from 'zod'
import { configSchema } from './schema.ts'
import { isPlain } from './issue-words.ts'
import { suggestion } from './suggest.ts'

/** zod's issue in the operator's words, at the key that is wrong. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  report: (path: readonly PropertyKey[], message: string) => void,
): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      report([...issue.path, key], `unknown key "${key}"${suggestion(key, knownKeys(issue.path))}`)
    return
  }
  const branch = issue.code === 'invalid_union' && isPlain(issue) ? meantBranch(issue.errors) : []
  for (const inner of branch)
    explainIssue({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue, report)
  if (branch.length === 0) report(issue.path, issue.message)
}

/** Of a union's branches the one that got furthest into the value is the one that was meant. */
function meantBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  return branches.filter((issues) => issues.length > 0).toSorted((a, b) => depth(b) - depth(a))[0] ?? []
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map((issue) => issue.path.length + (issue.code === 'invalid_type' ? 0 : 0.5)))
}

/** The keys that stand at a path, as the schema has it; empty where it is a union or a free map. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
  for (const step of path) {
    const { properties, items, additionalProperties } = (schema ?? {}) as {
      properties?: Record<string, unknown>
      items?: unknown
      additionalProperties?: unknown
    }
    schema = typeof step === 'number' ? items : (properties?.[String(step)] ?? additionalProperties)
  }
  const found = schema as
    | {
        properties?: Record<string, unknown>
        anyOf?: Array<{ properties?: Record<string, unknown> }>
        oneOf?: Array<{ properties?: Record<string, unknown> }>
      }
    | undefined
  return [found, ...(found?.anyOf ?? []), ...(found?.oneOf ?? [])].flatMap((part) =>
    Object.keys(part?.properties ?? {}),
  )
}
