import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseOverrides, parseRuleFile } from '../../../alerting/rules/parse-file.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { ConfigError } from '../../../runtime/errors.ts'

const repository = join(import.meta.dirname, '../../..')

/** What people copy: every YAML block of the documents, and every example file. */
const examples: Array<[name: string, text: string]> = globSync(
  ['README.md', 'docs/*.md', 'deploy/config/*.example.yaml'],
  { cwd: repository },
).flatMap((name) => {
  const text = readFileSync(join(repository, name), 'utf8')
  if (!name.endsWith('.md')) return [[name, text] as [string, string]]
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)]
  return blocks.map(({ 1: block = '', index }): [string, string] => [
    `${name}:${text.slice(0, index).split('\n').length + 1}`,
    block,
  ])
})

/** Whole files only: rules by their first key, overrides by the name in their first line, all else a configuration. */
function problemsOf(text: string) {
  const [first] = Object.keys(parse(text) as object)
  if (first === 'rules' || first === 'defaults') return problemsOfRules(text)
  if (/^#.*overrides\.yaml/.test(text)) return parseOverrides('overrides.yaml', text).problems
  return problemsOfConfig(text)
}

test.each(examples)('the YAML at %s is what Thump reads', (_, text) => {
  expect(problemsOf(text)).toEqual([])
})

function problemsOfRules(text: string) {
  const context = { allowedLatenessMs: 30_000, timezone: 'UTC', keywords: () => ['word'] }
  return parseRuleFile('example.yaml', text, context).problems.filter(({ severity }) => severity === 'error')
}

/** Whatever file an example names is there, with a secret in it. */
function problemsOfConfig(text: string) {
  try {
    loadConfig(
      { file: '/example.yaml' },
      { env: () => 'value', file: (p) => (p === '/example.yaml' ? text : 'secret') },
    )
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
