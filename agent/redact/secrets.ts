import { signs } from './signs.ts'
import { type SignedDetector, type Span, spansOf, withoutOverlaps } from './detector.ts'

const mask = '***'

/** The words a secret stands behind. */
const strongWords =
  'passw(?:or)?d|passphrase|passwort|secret|token|(?:api|access|secret|private|account)[-_]?key|credentials?|authorization|비밀번호|암호|패스워드'
/** Only as words of their own: a compass is no secret. */
const weakWords = 'pwd|pass|pw|cookie|session[-_]?id'
export const secretWords = `${strongWords}|${weakWords}`

/** The same words as they are looked for in a text: by a core, what must stand before it, and what may follow. */
interface SecretWord {
  readonly core: string
  readonly before?: RegExp
  readonly after?: RegExp
}
const ownWord = /(?:^|[^a-z])$/
const words: readonly SecretWord[] = [
  ...['password', 'passwd', 'passphrase', 'passwort', 'secret', 'token', 'authorization'].map((core) => ({ core })),
  ...['비밀번호', '암호', '패스워드'].map((core) => ({ core })),
  ...['pwd', 'pass', 'pw', 'cookie'].map((core) => ({ core, before: ownWord })),
  { core: 'key', before: /(?:api|access|secret|private|account)[-_]?$/ },
  { core: 'credential', after: /s?/y },
  { core: 'session', before: ownWord, after: /[-_]?id/y },
]

/** `scheme://user:password@host`; an @ within the password belongs to it as long as another follows. */
const uri =
  /\b([a-z][a-z0-9+.-]{1,30}:\/\/[^\s/:@"'<>]{0,256}:)(?!\d{1,5}(?:[/?#"'\s,]|$))((?:[^\s"'<>@]|@(?=[^\s"'<>/,;@]*@)){1,512})@/gi
const authorization = /\b(bearer|basic)(\s+)([A-Za-z0-9._~+/=-]{6,})/gi
/** Behind the key: a separator of JSON, YAML, ini, query strings or Erlang terms, then the value in any quotes. */
const keyTail =
  /(["'\\]{0,4}(?:>>)?\s{0,4}(?:=>|[=:]|,\s?(?:longstr,\s?)?(?=[<"'{]))\s{0,4}(?:\{(?:plaintext|encrypted),)?(?:<<)?)(\\*"(?:[^"\\]|\\[^"]){0,2000}\\*"?|'[^']{0,2000}'?|[^\s,;&"'<>)}\]]{1,2000})/y
const tokens =
  /\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*|\bA[KS]IA[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bxox[abeprs]-[\w-]{10,}|\bgh[pousr]_\w{30,}|\bglpat-[\w-]{16,}|(?<=hooks\.slack\.com\/services\/)[\w/]{20,}/g
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
/** The response of SASL PLAIN as crash reports print it: NUL user NUL password. */
const saslBytes = /(<<0(?:,[1-9]\d{0,2}){1,256},0,)(\d{1,3}(?:,\d{1,3})*)(?=>>|$)/g
// oxlint-disable-next-line no-control-regex -- NUL is what separates user and password
const saslText = /((?:\\0|\\000|\u0000)[^\\"\u0000]{1,256}(?:\\0|\\000|\u0000))([^"\u0000]{1,512})/g
const connectionRecord = /(\{amqp_params_(?:network|direct),\s*<<"(?:[^"\\]|\\.)*">>,\s*)(<<"(?:[^"\\]|\\.)*">>)/g

interface Pattern {
  /** Where none of these stands, the pattern need not be tried. */
  readonly hints: readonly string[]
  readonly pattern: RegExp
  readonly span: (match: RegExpExecArray) => Span | undefined
}

/** They show by themselves, in their own case. */
const bare: readonly Pattern[] = [
  { hints: ['PRIVATE KEY'], pattern: privateKey, span: (match) => part(match, 0, '-----PRIVATE KEY-----') },
  {
    hints: ['eyJ', 'AKIA', 'ASIA', 'AIza', 'xox', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'glpat', 'hooks.slack'],
    pattern: tokens,
    span: (match) => part(match, 0),
  },
]
/** They need a mark of some kind. In lower case. */
const marked: readonly Pattern[] = [
  { hints: ['://'], pattern: uri, span: (match) => part(match, 2) },
  { hints: ['<<0,'], pattern: saslBytes, span: (match) => part(match, 2) },
  { hints: [String.raw`\0`, '\0'], pattern: saslText, span: (match) => part(match, 2) },
  { hints: ['{amqp_params'], pattern: connectionRecord, span: (match) => part(match, 2, '<<"***">>') },
]
const schemes: readonly Pattern[] = [
  {
    hints: ['bearer', 'basic'],
    pattern: authorization,
    span: (match) => (isCredential(match) ? part(match, 3) : undefined),
  },
]
const shortestBare = 16
// oxlint-disable-next-line no-control-regex -- NUL is what separates user and password
const mark = /[=:,<{\\\u0000]/
const blank = /\s/

/** Passwords, tokens and keys. What names them stays, so that a reader sees what was there. */
export const secrets: SignedDetector = {
  name: 'secrets',
  sign: signs.secret,
  find(text) {
    const spans: Span[] = []
    if (text.length >= shortestBare) tryAll(bare, text, text, spans)
    const hasMark = mark.test(text)
    if (hasMark || blank.test(text)) {
      const lower = lowerCase(text)
      tryAll(schemes, text, lower, spans)
      if (hasMark) {
        tryAll(marked, text, lower, spans)
        for (const word of words) addKeyed(word, text, lower, spans)
      }
    }
    return spans.length < 2 ? spans : withoutOverlaps(spans)
  },
}

function tryAll(patterns: readonly Pattern[], text: string, lower: string, spans: Span[]): void {
  for (const { hints, pattern, span } of patterns)
    for (const hint of hints) {
      if (!lower.includes(hint)) continue
      spans.push(...spansOf(text, pattern, span))
      break
    }
}

/** Keeps every position: the few letters whose lower case is longer stay as they are. */
function lowerCase(text: string): string {
  const lower = text.toLowerCase()
  return lower.length === text.length ? lower : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

const secretKey = new RegExp(`(?:${strongWords})$|(?<![a-z])(?:${weakWords})$`, 'i')

/** Is a table's key one whose whole value is a secret? */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key)
}

function part(match: RegExpExecArray, group: number, replace = mask): Span {
  const value = match[group] ?? ''
  let start = match.index
  for (let index = 1; index < group; index++) start += match[index]?.length ?? 0
  return { start, end: start + value.length, replace }
}

function addKeyed({ core, before, after }: SecretWord, text: string, lower: string, spans: Span[]): void {
  for (let at = lower.indexOf(core); at !== -1; at = lower.indexOf(core, at + core.length)) {
    if (before && !before.test(lower.slice(Math.max(0, at - 8), at))) continue
    let end = at + core.length
    if (after) {
      after.lastIndex = end
      if (!after.test(lower)) continue
      end = after.lastIndex
    }
    keyTail.lastIndex = end
    const match = keyTail.exec(text)
    const span = match && valueSpan(match)
    if (span) spans.push(span)
  }
}

function valueSpan(match: RegExpExecArray): Span | undefined {
  const value = match[2] ?? ''
  const quote = /^\\*["']/.exec(value)?.[0] ?? ''
  const isClosed = quote !== '' && value.length > quote.length && value.endsWith(quote)
  const inner = value.slice(quote.length, isClosed ? -quote.length : undefined)
  // Masked already, empty, or the scheme whose credential is masked on its own.
  if (inner === '' || /^(?:\*{3}|\[secret\]|bearer$|basic$)/i.test(inner)) return undefined
  const start = match.index + (match[1]?.length ?? 0) + quote.length
  return { start, end: start + inner.length, replace: mask }
}

/** "Basic authentication" is prose; a credential has digits or is base64 of `user:password`. */
function isCredential([, scheme = '', , value = '']: RegExpExecArray): boolean {
  if (scheme.toLowerCase() === 'bearer') return value.length >= 20 || /\d/.test(value)
  return /^[A-Za-z0-9+/]+={0,2}$/.test(value) && Buffer.from(value, 'base64').includes(58)
}
