import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino'
import { PinoPretty } from 'pino-pretty'

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

export function createLogger({ level, format, colour, destination }: LogOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: redacted, censor: '[secret]' },
  }
  if (format === 'json') return pino(options, destination)
  return pino(
    options,
    PinoPretty({
      colorize: colour,
      destination,
      translateTime: 'SYS:HH:MM:ss.l',
      ignore: 'component',
      messageFormat: '{component} {msg}',
    }),
  )
}

/** For tests and pure callers: says nothing. */
export const silentLogger: Logger = pino({ level: 'silent' })
