import { type AccessFields, parseCommonPart } from './access.ts'

/** nginx's `$upstream_cache_status`, and Traffic Server's `crc` codes as Squid names them. */
const nginxCache = /^(?:HIT|MISS|BYPASS|EXPIRED|STALE|UPDATING|REVALIDATED)$/
const squidCache = /^(?:TCP|UDP|ERR)_[A-Z_]{2,40}$/
const cacheKey = /^(?:cache|cs|ucs|crc|cache_status|upstream_cache_status)$/i
const secondsKey = /^(?:rt|request_time|time|duration|elapsed)$/i
const millisecondsKey = /^(?:ttms|ms|duration_ms|elapsed_ms)$/i
const token = /"((?:[^"\\]|\\.)*)"|(\S+)/g
const maxTokens = 40

interface Found {
  cache?: string
  seconds?: number
  /** Bare whole numbers: sizes or milliseconds, nobody says which. */
  readonly whole: number[]
}

/**
 * A line of a cache or web server: `combined` of nginx and of Apache Traffic Server with what is commonly added behind it
 * (request time, cache result; bare or as key=value), and Traffic Server's own `squid` format. Never throws.
 */
export function parseCombinedLine(text: string): AccessFields | undefined {
  const common = parseCommonPart(text)
  if (!common) return squid(text)
  const { fields, rest } = common
  const found = read(rest)
  // One bare whole number beside a cache code of Traffic Server's is its time to serve, in ms.
  const isSquid = found.cache !== undefined && squidCache.test(found.cache)
  const seconds = found.seconds ?? (isSquid && found.whole.length === 1 ? (found.whole[0] ?? 0) / 1000 : undefined)
  return withMore(fields, found.cache, seconds)
}

function read(rest: string): Found {
  const found: Found = { whole: [] }
  let count = 0
  for (const [, quoted, bare] of rest.matchAll(token)) {
    if (++count > maxTokens) break
    const word = quoted ?? bare ?? ''
    const at = word.indexOf('=')
    if (at > 0) keyed(word.slice(0, at), word.slice(at + 1), found)
    else plain(word, found)
  }
  return found
}

function keyed(key: string, value: string, found: Found): void {
  const text = value.replaceAll('"', '')
  if (cacheKey.test(key) && /^[A-Z_]+$/.test(text)) found.cache ??= text
  const number = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined
  if (number === undefined) return
  if (secondsKey.test(key)) found.seconds ??= number
  if (millisecondsKey.test(key)) found.seconds ??= number / 1000
}

function plain(word: string, found: Found): void {
  if (nginxCache.test(word) || squidCache.test(word)) found.cache ??= word
  else if (/^\d{1,9}\.\d{1,9}$/.test(word)) found.seconds ??= Number(word)
  else if (/^\d{1,12}$/.test(word)) found.whole.push(Number(word))
}

const squidLine =
  /^(\d{9,10}\.\d{3}) {1,16}(\d{1,12}) (\S{1,64}) ([A-Z_]{1,40})\/(\d{3}) (\d{1,15}) ([A-Z]{1,16}) (\S+) (\S{1,256}) \S+\/\S+/

function squid(text: string): AccessFields | undefined {
  const found = text.length > 16_384 ? null : squidLine.exec(text)
  if (!found) return undefined
  const [, at = '', elapsed = '', ip = '', code = '', status = '', bytes = '', method = '', target = '', user = ''] =
    found
  const path = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '').split('?', 1)[0] ?? ''
  const fields: AccessFields = {
    '@timestamp': new Date(Number(at) * 1000).toISOString(),
    event: { action: method.toLowerCase(), outcome: Number(status) < 400 ? 'success' : 'failure' },
    ...(/^[\da-f.:]+$/i.test(ip) && { source: { ip } }),
    ...(user !== '-' && { user: { name: user } }),
    http: { request: { method }, response: { status_code: Number(status), body: { bytes: Number(bytes) } } },
    ...(path !== '' && { url: { path } }),
  }
  return withMore(fields, code, Number(elapsed) / 1000)
}

/** ECS counts a duration in nanoseconds. The cache's word as the log says it, in small letters, without Squid's `TCP_`. */
function withMore(fields: AccessFields, cache: string | undefined, seconds: number | undefined): AccessFields {
  const { event, http } = fields
  return {
    ...fields,
    event: { ...event, ...(seconds !== undefined && { duration: Math.round(seconds * 1e9) }) },
    ...(http && {
      http: {
        ...http,
        response: { ...http.response, ...(cache !== undefined && { cache: cache.toLowerCase().replace(/^tcp_/, '') }) },
      },
    }),
  }
}
