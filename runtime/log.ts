import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino'
import { isOutside, reasonOf } from './errors.ts'

/** Message = a constant lowercase phrase; data in fields; an error under `err`. */
export type Logger = PinoLogger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'json' | 'pretty'
  readonly colour: boolean
  readonly destination: DestinationStream
}

/** Whatever reaches a log line, these never do: a second net below the `Secret` type. */
const redacted = [
  'password',
  '*.password',
  '*.*.password',
  'token',
  '*.token',
  'apiKey',
  '*.apiKey',
  '*.secret',
  'authorization',
  '*.authorization',
]

/** What an error is in a log. A stack is for mistakes of ours: what is away, full or refused is told by its reason, and by all there is to who asks for details. */
function errorInLog(error: Error): unknown {
  if (!isOutside(error)) return pino.stdSerializers.err(error)
  const reason = reasonOf(error)
  const message = error.message.includes(reason) ? error.message : `${error.message}: ${reason}`
  const { code } = error as NodeJS.ErrnoException
  return { type: error.name, ...(code !== undefined && { code }), message }
}

export function createLogger({ level, format, colour, destination }: LogOptions): Logger {
  const isDetailed = level === 'debug' || level === 'trace'
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: isDetailed ? pino.stdSerializers.err : errorInLog },
    redact: { paths: redacted, censor: '[secret]' },
  }
  return pino(options, format === 'json' ? destination : prettyLines(colour, destination))
}

/** What makes lines pretty is read by who wants them so: it is the larger half of all that logs. Lines wait for it, none is lost. */
function prettyLines(colorize: boolean, destination: DestinationStream): DestinationStream {
  const waiting: string[] = []
  let pretty: DestinationStream = { write: (line) => void waiting.push(line) }
  void import('pino-pretty').then(({ PinoPretty }) => {
    pretty = PinoPretty({
      colorize,
      destination,
      translateTime: 'SYS:HH:MM:ss.l',
      ignore: 'component',
      messageFormat: '{component} {msg}',
    })
    for (const line of waiting) pretty.write(line)
  })
  return { write: (line) => pretty.write(line) }
}

/** For tests and pure callers: says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' })
