import { existsSync } from 'node:fs'
import { type LoadedConfig, loadConfig } from '../runtime/config/load.ts'
import type { Config } from '../runtime/config/schema.ts'
import { createLogger, type Logger, type LogLevel } from '../runtime/log.ts'

/** The options every verb takes; declared once in thump.ts. */
export interface GlobalArgs {
  readonly config?: string | undefined
  readonly set?: readonly string[] | undefined
  readonly logLevel?: LogLevel | undefined
  /** yargs turns `--no-color` into `color: false`. */
  readonly color?: boolean | undefined
}

/** What a verb works with. `out` is for results, `err` for people; logs go to stderr. */
export interface Context extends LoadedConfig {
  readonly log: Logger
  readonly out: NodeJS.WritableStream
  readonly err: NodeJS.WritableStream
  /** Is standard output a terminal? */
  readonly isTty: boolean
  /** The configuration as it stands now, for a reload. Throws ConfigError. */
  readonly readAgain: () => Config
  /** May results be coloured? Only on a terminal, without --no-color and NO_COLOR. */
  readonly colour: boolean
}

const packagedConfig = '/etc/thump/thump.yaml'

/** The file asked for: --config, else $THUMP_CONFIG, else /etc/thump/thump.yaml where it exists, else none. */
export function configFile(argv: GlobalArgs, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return argv.config ?? (env['THUMP_CONFIG'] || undefined) ?? (existsSync(packagedConfig) ? packagedConfig : undefined)
}

/** Loads the configuration and makes the verb's logger. Throws ConfigError. `base` = a configuration made in code. */
export function loadContext(argv: GlobalArgs, base?: Record<string, unknown>): Context {
  const file = base === undefined ? configFile(argv) : undefined
  const read = () => loadConfig({ ...(file !== undefined && { file }), ...(base && { base }), set: argv.set ?? [] })
  const loaded = read()
  const isTty = process.stdout.isTTY === true
  const mayColour = argv.color !== false && (process.env['NO_COLOR'] ?? '') === ''
  const log = createLogger({
    level: argv.logLevel ?? loaded.config.log.level,
    format: loaded.config.log.format ?? (process.stderr.isTTY ? 'pretty' : 'json'),
    colour: mayColour && process.stderr.isTTY === true,
    destination: process.stderr,
  })
  const readAgain = () => read().config
  return { ...loaded, log, out: process.stdout, err: process.stderr, isTty, readAgain, colour: mayColour && isTty }
}
