import { isUtf8 } from 'node:buffer'
import { createHmac, createSecretKey } from 'node:crypto'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { ThumpEvent } from '../../../event/event.ts'

type BodyFields = NonNullable<NonNullable<ThumpEvent['amqp']>['body']>

export interface BodyOptions {
  readonly payload: 'none' | 'hash' | 'excerpt' | 'full'
  /** The length of an excerpt. */
  readonly payloadBytes: number
  readonly hmacKey: Uint8Array
  /** Applied before anything is cut: half a card number is still half a card number. */
  readonly mask: Mask
}

/** Masks a text, and tells of each rule that did. */
export type Mask = (text: string, count: (rule: string, count: number) => void) => string

export interface DescribedBody {
  readonly body: BodyFields
  readonly redacted?: Array<{ rule: string; count: number }>
}

/** An event must fit a record of 1 MiB after JSON has escaped it. */
const maxFullBytes = 256 * 1024
/** A few kilobytes can unpack to gigabytes. */
const maxUnpackedBytes = 2 * 2 ** 20
/** Masked beyond the cut, so that what straddles it is recognised whole. */
const slackBytes = 4096

/** What is told of a body, by the configured mode. Pure; never throws: what cannot be read is its length and hash. */
export function createBodyDescriber({ payload, payloadBytes, hmacKey, mask }: BodyOptions) {
  const key = createSecretKey(hmacKey)
  const limit = Math.min(payload === 'full' ? maxFullBytes : payloadBytes, maxFullBytes)
  return (body: Buffer, properties: Readonly<Record<string, unknown>>): DescribedBody => {
    if (payload === 'none') return { body: { bytes: body.length } }
    const known = { bytes: body.length, hmac: createHmac('sha256', key).update(body).digest('base64url') }
    if (payload === 'hash' || body.length === 0) return { body: known }
    const unpacked = unpack(body, properties['content_encoding'])
    const text = unpacked && textOf(unpacked.subarray(0, limit + slackBytes), properties['content_type'])
    if (unpacked === undefined || text === undefined) return { body: known }
    const redacted: Array<{ rule: string; count: number }> = []
    const masked = mask(text, (rule, count) => redacted.push({ rule, count }))
    const content = cut(masked, limit)
    const isCut = unpacked.length > limit || content !== masked
    return {
      body: { ...known, content, ...(isCut && { truncated: true }) },
      ...(redacted.length > 0 && { redacted }),
    }
  }
}

function unpack(body: Buffer, encoding: unknown): Buffer | undefined {
  const options = { maxOutputLength: maxUnpackedBytes }
  try {
    switch (typeof encoding === 'string' ? encoding.toLowerCase() : '') {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(body, options)
      case 'deflate':
        return inflateSync(body, options)
      case 'zstd':
        return zstdDecompressSync(body, options)
      default:
        return body
    }
  } catch {
    return undefined
  }
}

/** The text, where these bytes are one: by the declared charset, else UTF-8; undefined for anything binary. */
function textOf(bytes: Buffer, contentType: unknown): string | undefined {
  const type = typeof contentType === 'string' ? contentType.toLowerCase() : ''
  if (/^(?:image|audio|video|font)\/|octet-stream|protobuf|avro|msgpack|zip/.test(type)) return undefined
  const charset = /charset="?([\w-]+)/.exec(type)?.[1] ?? 'utf-8'
  const text = decoded(bytes, charset)
  if (text === undefined) return undefined
  // oxlint-disable-next-line no-control-regex -- control characters are what tells bytes from text
  return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? undefined : text
}

function decoded(bytes: Buffer, charset: string): string | undefined {
  // Most are whole UTF-8; a decoder is for what is cut within a character, has a byte order mark or another charset.
  if ((charset === 'utf-8' || charset === 'utf8') && bytes[0] !== 0xef && isUtf8(bytes)) return bytes.toString()
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return undefined
  }
}

function cut(text: string, limitBytes: number): string {
  if (Buffer.byteLength(text) <= limitBytes) return text
  const bytes = Buffer.from(text).subarray(0, limitBytes)
  return `${new TextDecoder().decode(bytes, { stream: true })}…`
}
