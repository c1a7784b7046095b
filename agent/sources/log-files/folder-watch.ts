import { type FSWatcher, watch } from 'node:fs'

/** What a folder's watcher tells: `rename` where a name came or went; `null` where it does not say which. */
export type FolderHint = (folder: string, kind: string, name: string | null) => void

/** Watches folders only for haste: what a watcher misses, the next look sees. */
export class FolderWatch {
  readonly #hint: FolderHint
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(hint: FolderHint) {
    this.#hint = hint
  }

  /** Watches these and no others. */
  follow(folders: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#begin(folder)
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #begin(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (kind, name) => this.#hint(folder, kind, name))
      watcher.on('error', () => {
        watcher.close()
        this.#watchers.delete(folder)
      })
      this.#watchers.set(folder, watcher)
    } catch {
      // Not there yet, or out of watches: the look each second does without.
    }
  }
}
