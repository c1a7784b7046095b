import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentConfig } from '../runtime/config/schema-agent.ts'
import { writeDurably } from '../runtime/durable-file.ts'
import { ConfigError, type Problem } from '../runtime/errors.ts'
import { createRedactor, type Redactor } from './redact/redactor.ts'

/** Reads the dictionaries and compiles the rules. Throws ConfigError with every rule that is wrong. */
export function openRedactor({ builtin, rules, hmacKey }: AgentConfig['redact']): Redactor {
  const problems: Problem[] = []
  const attempt = <T>(path: string, work: () => T): T | undefined => {
    try {
      return work()
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      problems.push({ file: 'agent.redact', line: 0, column: 0, path, message, severity: 'error' })
      return undefined
    }
  }
  const options = { hmacKey: hmacKey && Buffer.from(hmacKey.reveal()) }
  const compiled = rules.map(({ dictionaryFile, ...rule }, index) => {
    const words = attempt(`rules[${index}].dictionaryFile`, () => dictionaryFile && readWords(dictionaryFile))
    attempt(`rules[${index}].pattern`, () => createRedactor({ builtin: [], rules: [rule] }))
    return { ...rule, ...(words && { words }) }
  })
  attempt('builtin', () => createRedactor({ builtin, rules: [] }))
  if (problems.length > 0) throw new ConfigError(problems)
  return createRedactor({ builtin, rules: compiled, ...options })
}

/** One word or phrase a line; blank lines and those that begin with # say nothing. */
function readWords(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** The key of body hashes: the configured one, else one made once and kept in `dataDir`, so that equal bodies stay equal. */
export function openHmacKey({ hmacKey }: AgentConfig['redact'], dataDir: string): Uint8Array {
  if (hmacKey) return Buffer.from(hmacKey.reveal())
  const file = join(dataDir, 'hmac.key')
  try {
    const kept = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64url')
    if (kept.length >= 32) return kept
  } catch {
    // Not made yet.
  }
  const made = randomBytes(32)
  writeDurably(file, `${made.toString('base64url')}\n`)
  return made
}
