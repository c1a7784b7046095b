import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Document, LineCounter, isMap, isScalar, parseDocument, visit } from 'yaml'
import { ConfigError, type Problem } from '../errors.ts'
import { explainIssue } from './explain-issue.ts'
import { interpolate, type Sources } from './interpolate.ts'
import { issueWords } from './issue-words.ts'
import { placeOf } from './places.ts'
import { type Config, configSchema } from './schema.ts'
import { Secret } from './secret.ts'
import { loneAliases, maxAliases, tooManyAliases, yamlMistakes } from './yaml-words.ts'

/** Where a value came from, by dotted path: a file's place, `--set`, `env:NAME`, `file:/path`; absent = default. */
export type Origins = ReadonlyMap<string, string>

export interface LoadedConfig {
  readonly config: Config
  readonly origins: Origins
  /** The file read, if any. */
  readonly file?: string
}

export interface LoadRequest {
  /** Undefined: built-in defaults only. */
  readonly file?: string
  /** `a.b=c`, in order; the value is YAML. */
  readonly set?: readonly string[]
  /** A whole configuration made in code (the demo's), under file and `--set`. */
  readonly base?: Record<string, unknown>
}

const systemSources: Sources = { env: (name) => process.env[name], file: readText }

/** Reads, checks and completes the configuration; throws ConfigError with every problem, each with its place. */
export function loadConfig(request: LoadRequest, sources: Sources = systemSources): LoadedConfig {
  const lines = new LineCounter()
  const name = request.file ?? 'defaults'
  const document = readDocument(request, lines, sources)
  const problems: Problem[] = []
  const origins = new Map<string, string>()
  const report = (path: readonly PropertyKey[], message: string) => {
    // An unknown key of `--set a.b=c` is a, which stands in no place of its own.
    const within = [...origins].filter(([at]) => `${at}.`.startsWith(`${dotted(path)}.`))
    const place =
      within.length > 0 && within.every(([, from]) => from === '--set')
        ? { file: '--set', line: 0, column: 0 }
        : { file: name, ...placeOf(document, lines, path) }
    problems.push({ ...place, path: dotted(path), message, severity: 'error' })
  }
  for (const text of request.set ?? []) applySet(document, text, origins, problems)
  expand(document, name, lines, sources, origins, report)
  const given = plainValue(document, report)
  const parsed = configSchema.safeParse(given, { error: issueWords, reportInput: true })
  for (const issue of parsed.error?.issues ?? []) explainIssue(issue, report)
  // Where the rest is wrong as well, a missing secret file is still told in the same run.
  readSecretFiles(parsed.success ? parsed.data : given, [], report, sources)
  if (!parsed.success || problems.length > 0) throw new ConfigError(dedupe(problems))
  return { config: parsed.data, origins, ...(request.file !== undefined && { file: request.file }) }
}

function readDocument({ file, base }: LoadRequest, lines: LineCounter, sources: Sources): Document {
  const text = file === undefined ? JSON.stringify(base ?? {}) : sources.file(resolve(file))
  if (text === undefined)
    throw new ConfigError([
      {
        file: file ?? 'defaults',
        line: 0,
        column: 0,
        path: '',
        message: 'cannot be read: does it exist, and may this user read it?',
        severity: 'error',
      },
    ])
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  })
  const errors = yamlMistakes(document)
  const broken = errors.length > 0 ? errors : loneAliases(document)
  if (broken.length > 0) {
    throw new ConfigError(
      broken.map(({ offset, message }) => {
        const { line, col } = lines.linePos(offset)
        return { file: file ?? 'defaults', line, column: col, path: '', message, severity: 'error' as const }
      }),
    )
  }
  if (document.contents === null) return parseDocument('{}', { lineCounter: lines })
  if (!isMap(document.contents))
    throw new ConfigError([
      {
        file: file ?? 'defaults',
        line: 1,
        column: 1,
        path: '',
        message: 'the file must be a map of sections: transport, agent, storage, alerting …',
        severity: 'error',
      },
    ])
  return document
}

function plainValue(document: Document, report: (path: readonly PropertyKey[], message: string) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases }) ?? {}
  } catch {
    report([], tooManyAliases)
    return {}
  }
}

function applySet(document: Document, text: string, origins: Map<string, string>, problems: Problem[]): void {
  const at = text.indexOf('=')
  const path = text.slice(0, at).split('.')
  if (at < 1 || path.some((part) => part === '')) {
    problems.push({
      file: '--set',
      line: 0,
      column: 0,
      path: text,
      message: 'write it as --set section.key=value',
      severity: 'error',
    })
    return
  }
  const value = parseDocument(text.slice(at + 1))
  const [mistake] = yamlMistakes(value)
  if (mistake) {
    problems.push({
      file: '--set',
      line: 0,
      column: 0,
      path: path.join('.'),
      message: `the value is not YAML: ${mistake.message}`,
      severity: 'error',
    })
    return
  }
  document.setIn(path, document.createNode(value.toJS()))
  origins.set(path.join('.'), '--set')
}

function expand(
  document: Document,
  name: string,
  lines: LineCounter,
  sources: Sources,
  origins: Map<string, string>,
  report: (path: PropertyKey[], message: string) => void,
): void {
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key') return
      const path = pathOf(key, node, ancestors)
      const place = dotted(path)
      if (!origins.has(place) && node.range) {
        const { line, col } = lines.linePos(node.range[0])
        origins.set(place, `${name}:${line}:${col}`)
      }
      if (typeof node.value !== 'string' || !node.value.includes('$')) return
      const result = interpolate(node.value, sources)
      if (!result.ok) report(path, result.message)
      else {
        node.value = result.text
        if (result.from.length > 0) origins.set(place, result.from.join(', '))
      }
    },
  })
}

function pathOf(key: unknown, node: unknown, ancestors: readonly unknown[]): PropertyKey[] {
  const path: PropertyKey[] = []
  const chain = [...ancestors, node]
  for (let index = 0; index < chain.length; index++) {
    const item = chain[index]
    if (typeof item === 'object' && item !== null && 'key' in item && isScalar(item.key))
      path.push(String(item.key.value))
    else if (typeof item === 'object' && item !== null && 'items' in item) {
      const next = chain[index + 1]
      const position = (item.items as unknown[]).indexOf(next)
      if (!isMap(item) && position >= 0) path.push(position)
    }
  }
  if (typeof key === 'number' && path.at(-1) !== key && path.length === 0) path.push(key)
  return path
}

/** Fills `password` from `passwordFile`, and the like for every secret. */
function readSecretFiles(
  value: unknown,
  path: readonly PropertyKey[],
  report: (path: readonly PropertyKey[], message: string) => void,
  sources: Sources,
): void {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return
  const record = value as Record<string, unknown>
  for (const [key, item] of Object.entries(record)) {
    const twin = key.endsWith('File') ? key.slice(0, -4) : ''
    if (secretNames.has(twin) && typeof item === 'string') {
      if (record[twin] !== undefined) report([...path, key], `both ${twin} and ${key} are given; keep one`)
      const text = sources.file(resolve(item))
      if (text === undefined) report([...path, key], `file ${item} cannot be read`)
      else if (text.trim() === '') report([...path, key], `file ${item} is empty`)
      else record[twin] = new Secret(text.replace(/\r?\n$/, ''))
    } else readSecretFiles(item, [...path, key], report, sources)
  }
}

const secretNames = new Set([
  'password',
  'apiKey',
  'hmacKey',
  'webhookUrl',
  'token',
  'signingSecret',
  'url',
  'secret',
  'routingKey',
])

function dedupe(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  const once = problems.filter((problem) => {
    const key = `${problem.path} ${problem.message}`
    return !seen.has(key) && seen.add(key) !== undefined
  })
  return once.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : String(part)))
    .join('.')
    .replaceAll('.[', '[')
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
