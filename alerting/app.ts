import { join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { AlertingConfig } from '../runtime/config/schema-alerting.ts'
import type { Config } from '../runtime/config/schema.ts'
import { formatProblem } from '../runtime/errors.ts'
import { type Health, readiness } from '../runtime/health.ts'
import type { Logger } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { sleep } from '../runtime/retry.ts'
import { Shutdown, type Started } from '../runtime/shutdown.ts'
import type { EventSearch } from '../storage/storage.ts'
import type { Transport } from '../transport/transport.ts'
import { type ActiveAlerter, startActive } from './active.ts'
import { reloadEvents } from './audit.ts'
import { startApi } from './http-api.ts'
import { openRuleBook, type RuleBook } from './rule-book.ts'
import type { ActiveFile } from './rule-set.ts'
import { openStateDatabase, takeStateDatabase } from './state/database.ts'

export interface AlertingDeps {
  readonly config: Config
  readonly transport: Transport
  /** For the context of a message; the alerter works without it. */
  readonly search: EventSearch
  readonly log: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: Clock
}

export interface Alerting {
  /**
   * Reads the rule files anew; a bad file keeps its last good version and says so. With a configuration its channels,
   * routes and links are taken as well; throws ConfigError where they cannot work, and the old ones stay.
   */
  reload(alerting?: AlertingConfig): Promise<void>
  /** Where the HTTP API listens. */
  readonly port: number
}

const watchEveryMs = 2000
const stuckMs = 60_000
const drainMs = 20_000

/** Starts the alerter; a second one on the same data folder stands by. Throws ConfigError where a rule file is bad. */
export async function startAlerting(deps: AlertingDeps): Promise<Started<Alerting>> {
  const { config, health, now } = deps
  const log = deps.log.child({ component: 'alerting' })
  const book = openRuleBook(config)
  const role = new AlertingRole(deps, book, log)
  const shutdown = new Shutdown()
  shutdown.add('alerter', () => role.stop())
  const api = await startApi({
    listen: config.alerting.listen,
    book,
    active: () => role.active,
    reload: () => role.reload(),
  })
  shutdown.add('api', api.stop)
  log.info({ port: api.value.port }, 'alerting API listening')
  await role.start()
  health.add({ name: 'alerting-transport', kind: 'ready', ask: () => readiness(role.active?.transportProblem()) })
  health.add({
    name: 'alerting-loop',
    kind: 'live',
    ask: () => ({ ok: now() - (role.active?.tickedMs() ?? now()) < stuckMs }),
  })
  let stopped: Promise<void> | undefined
  return {
    value: { reload: (alerting) => role.reload(alerting), port: api.value.port },
    stop: () => (stopped ??= shutdown.run(AbortSignal.timeout(drainMs))),
  }
}

/** Standby until it has the lock, active from then on: never back. */
class AlertingRole {
  active: ActiveAlerter | undefined
  #deps: AlertingDeps
  readonly #book: RuleBook
  readonly #log: Logger
  readonly #shutdown = new Shutdown()
  readonly #stopping = new AbortController()
  #background: Promise<unknown> = Promise.resolve()
  #reloading: Promise<void> = Promise.resolve()

  constructor(deps: AlertingDeps, book: RuleBook, log: Logger) {
    this.#deps = deps
    this.#book = book
    this.#log = log
  }

  async start(): Promise<void> {
    const { config } = this.#deps
    const path = join(config.dataDir, 'alerting', 'state.db')
    const { signal } = this.#stopping
    this.#sayStale(this.#book.files())
    const database = openStateDatabase(path)
    if (database) await this.#activate(database)
    else {
      this.#log.info({ path }, 'another alerter holds the state: standing by')
      this.#background = takeStateDatabase(path, { signal })
        .then((taken) => this.#activate(taken))
        .catch((err: unknown) => {
          if (!signal.aborted) throw err
        })
    }
    this.#shutdown.add('watch', this.#watch())
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('alerting is stopping'))
    await this.#background
    await this.#reloading.catch(() => {})
    await this.#shutdown.run(AbortSignal.timeout(drainMs))
  }

  reload(alerting?: AlertingConfig): Promise<void> {
    const reloaded = this.#reloading.catch(() => {}).then(() => this.#reload(alerting))
    this.#reloading = reloaded
    return reloaded
  }

  async #activate(database: Started<Parameters<typeof startActive>[0]>): Promise<void> {
    this.#shutdown.add('database', database.stop)
    this.active = this.#shutdown.own(
      'active',
      await startActive(database.value, this.#book.rules(), { ...this.#deps, log: this.#log }),
    )
    this.#log.info({ rules: this.#book.rules().length }, 'alerting started')
    this.#publish([])
  }

  async #reload(alerting: AlertingConfig | undefined): Promise<void> {
    if (alerting) {
      this.active?.notifier.reconfigure(alerting)
      this.#deps = { ...this.#deps, config: { ...this.#deps.config, alerting } }
    }
    await this.#book.readAhead(this.#deps.config.alerting)
    const before = this.#book.files()
    this.#book.reload(this.#deps.config.alerting)
    await this.active?.replaceRules(this.#book.rules())
    this.#log.info({ rules: this.#book.rules().length }, 'rules reloaded')
    this.#sayStale(this.#book.files())
    this.#publish(before)
  }

  #sayStale(files: readonly ActiveFile[]): void {
    for (const { path, isStale, text, problems } of files) {
      if (isStale)
        this.#log.error(
          { path, runs: text === undefined ? 'nothing' : 'last good version', problems: problems.map(formatProblem) },
          'rule file has errors',
        )
    }
  }

  #publish(before: readonly ActiveFile[]): void {
    const records = reloadEvents(this.#book.files(), before, this.#deps.now)
    this.active?.publish(records)
  }

  #watch(): () => Promise<void> {
    const { signal } = this.#stopping
    const watching = (async () => {
      while (!signal.aborted) {
        await sleep(watchEveryMs, signal).catch(() => {})
        if (!signal.aborted && this.#book.hasChanged())
          await this.reload().catch((err: unknown) => this.#log.error({ err }, 'reload failed'))
      }
    })()
    return () => watching
  }
}
