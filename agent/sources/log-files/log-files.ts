import { join } from 'node:path'
import { selfEvent } from '../../self-events.ts'
import type { Source, SourceStatus } from '../../source.ts'
import type { Started } from '../../../runtime/shutdown.ts'
import { createCheckpointFile, type LoadedCheckpoint } from './checkpoint-file.ts'
import { defaultTuning, type LogFilesDeps, type LogInput } from './contract.ts'
import { Descriptors, openFilesLimit } from './descriptors.ts'
import { EventWriter } from './event-writer.ts'
import { FolderWatch } from './folder-watch.ts'
import { Follower } from './follower.ts'
import type { Generation } from './generation.ts'
import { compilePatterns, inputOf, type Patterns } from './look.ts'
import { createUnpacker } from './packed.ts'
import { Reader } from './reader.ts'
import { Reconciler } from './reconcile.ts'
import { RecordPacker } from '../../pack/record-packer.ts'
import { Registry } from './registry.ts'
import { Sender } from './sender.ts'
import { createTelemetry, type Notice } from './telemetry.ts'
import { unmatchedPatterns } from './unmatched.ts'

/** A twentieth of the time at most. */
const savingShare = 20

export const checkpointPath = (dataDir: string): string => join(dataDir, 'log-files.json')

/**
 * Follows the log files that the inputs name, over every rotation. A line is handed on at least once, in its file's order;
 * positions move when the transport has acknowledged, so a crash repeats events under the same ids and loses none.
 */
export function createLogFilesSource(deps: LogFilesDeps): Source {
  return { name: 'log-files', start: () => start(deps) }
}

function start(deps: LogFilesDeps): Promise<Started<SourceStatus>> {
  const running = new LogFiles(deps)
  running.begin()
  return Promise.resolve({ value: running, stop: () => running.stop() })
}

/** The source's clockwork: a full look every second, hints in between, turns as long as there is something to read. */
class LogFiles implements SourceStatus {
  readonly #deps: LogFilesDeps
  readonly #tuning
  readonly #patterns: Patterns
  readonly #log
  readonly #stopping = new AbortController()
  readonly #file
  readonly #registry: Registry
  readonly #reconciler: Reconciler
  readonly #descriptors: Descriptors
  readonly #unpacker
  readonly #sender: Sender
  readonly #follower: Follower
  readonly #packer = new RecordPacker()
  readonly #derived = new RecordPacker()
  readonly #writers = new Map<LogInput, EventWriter>()
  readonly #watch = new FolderWatch((folder, kind, name) => this.#hint(folder, kind, name))
  readonly #notices: Notice[] = []
  readonly #loaded: LoadedCheckpoint
  #timer: NodeJS.Timeout | undefined
  #lookSoon: NodeJS.Timeout | undefined
  #dueTimer: NodeJS.Timeout | undefined
  #isTurning = false
  #isStopped = false
  #lastSaveMs = 0
  #saveTookMs = 0
  #mustSave = false
  #saveFailures = 0
  #lastTickMs: number

  constructor(deps: LogFilesDeps) {
    this.#deps = deps
    const { dataDir, now, inputs, emit, metrics } = deps
    const tuning = { ...defaultTuning, ...deps.tuning }
    this.#tuning = tuning
    const log = deps.log.child({ component: 'agent.log-files' })
    this.#log = log
    this.#lastTickMs = now()
    this.#file = createCheckpointFile(checkpointPath(dataDir))
    this.#loaded = this.#file.load()
    const patterns = compilePatterns(inputs)
    this.#patterns = patterns
    const telemetry = createTelemetry({
      metrics,
      log,
      now,
      notice: (notice) => this.#notices.push(notice),
      generations: () => this.#registry.all,
    })
    const reader = new Reader(tuning, [this.#packer, this.#derived], (generation) =>
      this.#writerOf(generation, telemetry.invalidBytes),
    )
    this.#registry = new Registry(this.#loaded, (path) => inputOf(patterns, path), reader.onRecord, now)
    this.#descriptors = new Descriptors(tuning.maxOpenFiles > 0 ? tuning.maxOpenFiles : openFilesLimit())
    this.#unpacker = createUnpacker(join(dataDir, 'log-files-unpacked'), () => this.#lookAgainSoon())
    const common = { registry: this.#registry, descriptors: this.#descriptors, telemetry, tuning, now }
    this.#reconciler = new Reconciler({
      ...common,
      patterns,
      unpacker: this.#unpacker,
      conclude: (generation) => this.#follower.conclude(generation),
    })
    this.#sender = new Sender({ emit, signal: this.#stopping.signal, log, onAcknowledged: () => this.#acknowledged() })
    this.#follower = new Follower({ ...common, reconciler: this.#reconciler, reader, sender: this.#sender })
    deps.health.add({
      name: 'log-files-loop',
      kind: 'live',
      ask: () => ({ ok: this.#isStopped || now() - this.#lastTickMs < 60_000 + tuning.reconcileMs }),
    })
  }

  begin(): void {
    this.#unpacker.clear()
    const { from } = this.#loaded
    if (from === 'previous' || from === 'lost') {
      const message =
        from === 'previous'
          ? 'the checkpoint was unreadable: going on from the one before it'
          : 'the checkpoint was unreadable and there is none before it: files are read from their beginning'
      this.#log.error({ from }, 'checkpoint unreadable')
      this.#notices.push({ action: 'log.checkpoint', message, fields: { from } })
    }
    for (const { pattern, fix } of unmatchedPatterns(this.#patterns))
      this.#log.warn({ pattern, fix }, 'no file matches')
    this.#tick()
  }

  ready(): { readonly ok: boolean; readonly detail?: string } {
    const problems = [...this.#reconciler.problems].filter(([, why]) => why !== 'ignored-older')
    if (problems.length > 0)
      return {
        ok: false,
        detail: problems
          .slice(0, 5)
          .map(([path, why]) => `${path}: ${why}`)
          .join('; '),
      }
    const count = [...this.#registry.all].filter(
      ({ isOver, saved }) => !isOver && saved.missingSinceMs === undefined,
    ).length
    return { ok: true, detail: `${count} files` }
  }

  /** Takes in no more, waits for what is in flight up to the deadline, saves; what is not acknowledged is read again. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const timer of [this.#timer, this.#lookSoon, this.#dueTimer]) clearTimeout(timer)
    this.#watch.close()
    this.#sender.pump()
    if (!this.#sender.isIdle) await this.#drained()
    this.#stopping.abort(new Error('log files source is stopping'))
    await this.#unpacker.stop()
    this.#save()
    for (const generation of this.#registry.all) this.#descriptors.close(generation)
  }

  #drainedNow: (() => void) | undefined
  async #drained(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#drainedNow = resolve
      timer = setTimeout(resolve, this.#tuning.stopMs)
    })
    clearTimeout(timer)
  }

  #tick(): void {
    if (this.#isStopped) return
    this.#lastTickMs = this.#deps.now()
    try {
      this.#follower.reconcile()
      this.#watch.follow(this.#reconciler.folders)
    } catch (error) {
      this.#log.error({ err: error }, 'looking at the log files failed')
    }
    this.#persistNew()
    this.#saveInTime()
    this.#tell()
    this.#kick()
    this.#timer = setTimeout(() => this.#tick(), this.#tuning.reconcileMs)
  }

  #writerOf(generation: Generation, onInvalid: (path: string, count: number) => void): EventWriter {
    const { input } = generation
    let writer = this.#writers.get(input)
    if (!writer) {
      const onInvalidBytes = (count: number) => onInvalid(input.paths.join(' '), count)
      this.#writers.set(
        input,
        (writer = new EventWriter({
          ...this.#deps,
          input,
          packer: this.#packer,
          derived: this.#derived,
          onInvalidBytes,
        })),
      )
    }
    return writer
  }

  /** Runs turns until there is nothing more to read, giving way to everything else after each. */
  #kick(): void {
    if (this.#isTurning || this.#isStopped) return
    this.#isTurning = true
    setImmediate(() => {
      this.#isTurning = false
      if (this.#isStopped) return
      let isMore = false
      try {
        isMore = this.#follower.turn()
      } catch (error) {
        this.#log.error({ err: error }, 'reading log files failed')
      }
      this.#persistNew()
      if (isMore && this.#sender.bytes < this.#tuning.maxInFlightBytes) this.#kick()
      else this.#armDue()
    })
  }

  #armDue(): void {
    clearTimeout(this.#dueTimer)
    const waitMs = this.#follower.nextDueMs() - this.#deps.now()
    if (Number.isFinite(waitMs)) this.#dueTimer = setTimeout(() => this.#kick(), Math.max(5, waitMs))
  }

  #acknowledged(): void {
    this.#mustSave = true
    if (!this.#isStopped) this.#saveInTime()
    if (this.#sender.isIdle) this.#drainedNow?.()
    this.#sender.pump()
    this.#kick()
  }

  /** A generation's id is on disk before its first event is sent: a crash must not give the same line a second id. */
  #persistNew(): void {
    if (!this.#registry.isChanged) return
    if (!this.#save()) return
    for (const generation of this.#registry.all) generation.isPersisted = true
    this.#sender.pump()
  }

  /** What is acknowledged and not saved is sent again after a crash; on a slow disk that is more, and saving less of the time. */
  #saveInTime(): void {
    const intervalMs = Math.max(this.#tuning.checkpointMs, savingShare * this.#saveTookMs)
    if (this.#mustSave && this.#deps.now() - this.#lastSaveMs >= intervalMs) this.#save()
  }

  #save(): boolean {
    const startedMs = this.#deps.now()
    try {
      this.#file.save(this.#registry.snapshot())
    } catch (error) {
      if (this.#saveFailures++ === 0) {
        this.#log.error({ err: error }, 'checkpoint not saved')
        const message = 'the checkpoint could not be saved: it is tried again; a crash meanwhile repeats events'
        this.#notices.push({ action: 'log.checkpoint', message, fields: { from: 'save' } })
      }
      return false
    }
    if (this.#saveFailures > 0) this.#log.info({ failures: this.#saveFailures }, 'checkpoint saved again')
    this.#saveFailures = 0
    this.#lastSaveMs = this.#deps.now()
    this.#saveTookMs = this.#lastSaveMs - startedMs
    this.#mustSave = false
    this.#registry.isChanged = false
    return true
  }

  #tell(): void {
    const notices = this.#notices.splice(0)
    if (notices.length === 0) return
    const { identity, emit, now } = this.#deps
    const events = notices.map((notice) => selfEvent(identity, now(), { ...notice, outcome: 'failure' }))
    emit.events(events, this.#stopping.signal).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#log.error({ err: error }, 'self-event not sent')
    })
  }

  #lookAgainSoon(): void {
    if (this.#isStopped) return
    this.#lookSoon ??= setTimeout(() => {
      this.#lookSoon = undefined
      clearTimeout(this.#timer)
      this.#tick()
    }, 30)
  }

  #hint(folder: string, kind: string, name: string | null): void {
    if (name !== null && kind === 'change' && this.#follower.hint(join(folder, name))) this.#kick()
    // A stranger that is only written to is nobody's concern; names that come and go may be.
    else if (name === null || kind === 'rename' || inputOf(this.#patterns, join(folder, name)) !== undefined)
      this.#lookAgainSoon()
  }
}
