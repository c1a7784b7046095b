import { z } from 'zod'
import { hideUriPassword, Secret } from './secret.ts'
import { durationUnits, parseDuration, parseSize } from './units.ts'

/** Of a value in several forms: what is said where it has none of them. */
const written = (what: string, how: string) => ({
  error: ({ input }: { readonly input?: unknown }) =>
    input === undefined ? `is required: ${what} as ${how}` : notWritten(input, what, how),
})
const notWritten = (input: unknown, what: string, how: string) => {
  const given =
    typeof input === 'object' && input !== null ? (Array.isArray(input) ? 'a list' : 'a map') : JSON.stringify(input)
  return `${given} is not ${what}; write it as ${how}`
}

const durations = ['a duration', '250ms, 5s, 10m, 2h or 7d'] as const
export const duration = z
  .union([z.string(), z.literal(0)], written(...durations))
  .transform((text, context) => {
    const ms = text === 0 ? 0 : parseDuration(text)
    if (ms === undefined) {
      context.addIssue({ code: 'custom', message: notWritten(text, ...durations) })
      return z.NEVER
    }
    return ms
  })
  .meta({ description: 'A duration: 250ms, 5s, 10m, 2h, 7d' })

const sizes = ['a size', '512B, 64KiB, 1MiB or 2GiB'] as const
export const size = z
  .union([z.string(), z.number().int().nonnegative()], written(...sizes))
  .transform((text, context) => {
    const bytes = typeof text === 'number' ? text : parseSize(text)
    if (bytes === undefined) {
      context.addIssue({ code: 'custom', message: notWritten(text, ...sizes) })
      return z.NEVER
    }
    return bytes
  })
  .meta({ description: 'A size: a number of bytes, or 64KiB, 1MiB, 2GiB' })

const leastFolder = 16 * 2 ** 20

/** Bounds a folder: below this its own housekeeping would not fit. */
export const folderSize = size.refine((bytes) => bytes >= leastFolder, {
  message: 'is less than 16MiB, the least there is room in',
})

export const secret = z
  .string()
  .min(1)
  .transform((text) => new Secret(text))
  .meta({ description: 'A secret; better given by its …File twin or ${env:NAME}' })

export const filePath = z.string().min(1).meta({ description: 'Path of a file' })

const urlOf = (protocol: RegExp, example: string) =>
  z.url({
    protocol,
    error: ({ input }) =>
      typeof input === 'string' ? `"${hideUriPassword(input)}" is not such a URL; write it as ${example}` : undefined,
  })

export const mailAddress = z.string().regex(/.@./, {
  error: ({ input }) => `"${input}" is not a mail address; write it as mq@example.com or Thump <mq@example.com>`,
})

export const httpUrl = urlOf(/^https?$/, 'http://127.0.0.1:15672 or https://host')
export const amqpUrl = urlOf(/^amqps?$/, 'amqp://127.0.0.1:5672 or amqps://host')

const addresses = ['an address', '127.0.0.1:7671'] as const
/** `host:port`, `:port` or a port; the port 0 takes a free one. Loopback where no host is named. */
export const listenAddress = z
  .union([z.string(), z.number().int()], written(...addresses))
  .transform((text, context) => {
    const match = /^(?:(\[[^\]]+\]|[^:]*):)?(\d{1,5})$/.exec(String(text))
    const port = Number(match?.[2])
    if (!match || port > 65_535) {
      context.addIssue({ code: 'custom', message: notWritten(text, ...addresses) })
      return z.NEVER
    }
    return { host: (match[1] ?? '').replace(/^\[|\]$/g, '') || '127.0.0.1', port }
  })
  .meta({ description: 'Address to listen on: host:port' })

/** `5/s`, `60/m`: the number of messages in one period. */
export const rate = z
  .string()
  .transform((text, context) => {
    const match = /^(\d+)\/(s|m|h)$/.exec(text)
    if (!match || Number(match[1]) === 0) {
      context.addIssue({ code: 'custom', message: `"${text}" is not a rate; write it as 5/s, 60/m or 100/h` })
      return z.NEVER
    }
    return { count: Number(match[1]), perMs: durationUnits[match[2] as 's' | 'm' | 'h'] }
  })
  .meta({ description: 'A rate: 5/s, 60/m, 100/h' })

export const tls = z
  .strictObject({
    ca: filePath.optional(),
    cert: filePath.optional(),
    key: filePath.optional(),
    servername: z.string().optional(),
    insecure: z.boolean().default(false).meta({ description: 'Turns verification off. Loud in doctor and at start' }),
  })
  .meta({ description: 'TLS; `{}` verifies against the system CAs' })

/** A secret and its file twin; the loader fills the first from the second. */
export function secretPair<N extends string>(
  name: N,
): { [K in N]: z.ZodOptional<typeof secret> } & { [K in `${N}File`]: z.ZodOptional<typeof filePath> } {
  return { [name]: secret.optional(), [`${name}File`]: filePath.optional() } as never
}
