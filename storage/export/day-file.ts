import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonFile, writeDurably } from '../../runtime/durable-file.ts'
import { openCsv } from './csv-format.ts'
import { openNdjson } from './ndjson-format.ts'
import { openParquet } from './parquet-format.ts'
import type { OpenFormat, RowFormat } from './row-format.ts'

export const exportFormats = ['ndjson', 'csv', 'parquet'] as const
export type ExportFormat = (typeof exportFormats)[number]

const openers: Readonly<Record<ExportFormat, OpenFormat>> = { ndjson: openNdjson, csv: openCsv, parquet: openParquet }

/** What lies in a day's file; written beside it when it is whole. It says nothing of when or where: the same day, the same text. */
export interface Manifest {
  readonly version: 1
  readonly day: string
  readonly query: string
  readonly events: number
  readonly bytes: number
  readonly sha256: string
  /** False: the day was not over yet, and more will come. */
  readonly isWhole: boolean
}

/** Where a day lies: `day=2026-11-24/events.csv`, as Hive and Spark read partitions; they pass over names with `_`. */
export class DayFile {
  readonly path: string
  readonly #dir: string
  readonly #format: ExportFormat
  readonly #manifestPath: string

  constructor(out: string, day: string, format: ExportFormat) {
    this.#dir = join(out, `day=${day}`)
    this.#format = format
    this.path = join(this.#dir, `events.${format}`)
    this.#manifestPath = join(this.#dir, `_events.${format}.json`)
  }

  /** Undefined where there is none, or the file beside it is not the one it tells of. */
  manifest(): Manifest | undefined {
    const found = readJsonFile(this.#manifestPath) as Manifest | undefined
    const size = statSync(this.path, { throwIfNoEntry: false })?.size
    return found?.version === 1 && found.bytes === size ? found : undefined
  }

  /** The whole file or, where `fill` throws, the one that was there. */
  async write(
    head: Pick<Manifest, 'day' | 'query' | 'isWhole'>,
    fill: (format: RowFormat) => Promise<number>,
  ): Promise<Manifest> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o750 })
    this.#removeLeftovers()
    const part = join(this.#dir, `_events.${this.#format}.${process.pid}.part`)
    const file = await open(part, 'w', 0o640)
    const hash = createHash('sha256')
    let bytes = 0
    try {
      const format = openers[this.#format](async (chunk) => {
        hash.update(chunk)
        bytes += chunk.length
        await file.writeFile(chunk)
      })
      const events = await fill(format)
      await format.finish()
      await file.sync()
      const manifest = { version: 1, ...head, events, bytes, sha256: hash.digest('hex') } as const
      // Between the two renames the old manifest does not fit the new file: the next run writes it again.
      renameSync(part, this.path)
      writeDurably(this.#manifestPath, `${JSON.stringify(manifest, undefined, 2)}\n`)
      return manifest
    } finally {
      await file.close()
      rmSync(part, { force: true })
    }
  }

  remove(): void {
    for (const path of [this.path, this.#manifestPath]) rmSync(path, { force: true })
  }

  /** Halves of runs that were killed. */
  #removeLeftovers(): void {
    for (const name of readdirSync(this.#dir)) {
      const [, pid] = /^_events\.\w+\.(\d+)\.part$/.exec(name) ?? []
      if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(this.#dir, name), { force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
