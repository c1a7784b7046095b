import type { Config } from '../runtime/config/schema.ts'
import { ConfigError, formatProblem } from '../runtime/errors.ts'
import { Shutdown } from '../runtime/shutdown.ts'
import type { Context } from './context.ts'

/** How long a drain may take before the process gives up and exits 1. */
const drainDeadlineMs = 25_000
const leaveAfterMs = 1000

export interface RoleHooks {
  /** SIGHUP: each takes over what it can of the configuration read anew, or throws ConfigError and keeps what it has. */
  readonly reload?: ReadonlyArray<(config: Config) => Promise<void>>
}

/**
 * Runs a role until SIGTERM or SIGINT, then drains it: exit 0. A second signal exits 1 at once. Anything unforeseen is
 * logged as fatal, drained, and exits 1.
 */
export async function runRole(
  { log, readAgain }: Pick<Context, 'log' | 'readAgain'>,
  start: (shutdown: Shutdown) => Promise<RoleHooks | void>,
): Promise<void> {
  const shutdown = new Shutdown()
  const ended = Promise.withResolvers<{ reason: string; failed: boolean }>()
  let signals = 0
  const onSignal = (name: NodeJS.Signals) => {
    if (++signals > 1) process.exit(1)
    ended.resolve({ reason: name, failed: false })
  }
  const onFatal = (error: unknown) => {
    log.fatal({ err: error }, 'unforeseen failure')
    ended.resolve({ reason: 'failure', failed: true })
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  process.on('uncaughtException', onFatal).on('unhandledRejection', onFatal)
  let hooks: RoleHooks = {}
  const onHangup = () => void reloadAll(hooks, readAgain, log)
  process.on('SIGHUP', onHangup)
  try {
    const started = start(shutdown).then(async (given) => {
      hooks = given ?? {}
      return await ended.promise
    })
    // A signal that comes while the role is still starting ends it as well.
    const { reason, failed } = await Promise.race([started, ended.promise])
    log.info({ reason }, 'stopping')
    if (failed) process.exitCode = 1
  } finally {
    await shutdown.run(AbortSignal.timeout(drainDeadlineMs)).catch((error: unknown) => {
      log.error({ err: error }, 'shutdown incomplete')
      process.exitCode = 1
    })
    log.info('stopped')
    leaveSoon(log)
  }
}

/** A bad configuration keeps the old one, and says so with every problem; never throws. */
async function reloadAll({ reload = [] }: RoleHooks, readAgain: () => Config, log: Context['log']): Promise<void> {
  try {
    const config = readAgain()
    const outcomes = await Promise.allSettled(reload.map((part) => part(config)))
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    for (const { reason } of failed) sayNotReloaded(reason, log)
    if (failed.length === 0) log.info('configuration reloaded')
  } catch (error) {
    sayNotReloaded(error, log)
  }
}

function sayNotReloaded(error: unknown, log: Context['log']): void {
  if (error instanceof ConfigError)
    log.error({ problems: error.problems.map(formatProblem) }, 'configuration not reloaded: the old one stays')
  else log.error({ err: error }, 'reload failed')
}

/** Everything is closed: should a library still hold something open, the process goes all the same. */
function leaveSoon(log: Context['log']): void {
  setTimeout(() => {
    log.debug({ resources: process.getActiveResourcesInfo() }, 'left with something still open')
    process.exit()
  }, leaveAfterMs).unref()
}
