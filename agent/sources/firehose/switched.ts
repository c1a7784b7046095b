import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readJsonFile, writeDurably } from '../../../runtime/durable-file.ts'

const kept = z.object({ vhosts: z.array(z.string()) })

/** The vhosts whose tracing we switched on and have not switched off yet; on disk before the switch, so that a crash is mended by the next start. */
export interface SwitchedOn {
  has(vhost: string): boolean
  all(): readonly string[]
  add(vhost: string): void
  remove(vhost: string): void
}

export function openSwitchedOn(file: string): SwitchedOn {
  const found = kept.safeParse(readJsonFile(file))
  const vhosts = new Set(found.success ? found.data.vhosts : [])
  const save = () => {
    if (vhosts.size > 0) writeDurably(file, `${JSON.stringify({ vhosts: [...vhosts] })}\n`)
    else rmSync(file, { force: true })
  }
  return {
    has: (vhost) => vhosts.has(vhost),
    all: () => [...vhosts],
    add(vhost) {
      if (vhosts.has(vhost)) return
      vhosts.add(vhost)
      save()
    },
    remove: (vhost) => {
      if (vhosts.delete(vhost)) save()
    },
  }
}

const ofCapture = /^tracing-capture-(\d+)\.json$/

/** The file of a capture, one a process: two at a time must not switch off what the other needs. */
export function captureFile(dataDir: string, pid: number): string {
  return join(dataDir, `tracing-capture-${pid}.json`)
}

/** Takes over what captures left behind that are gone, guard and all: it is switched off when this one ends. */
export function adoptLeftovers(dataDir: string, own: SwitchedOn, isAlive: (pid: number) => boolean): void {
  let names: readonly string[] = []
  try {
    names = readdirSync(dataDir)
  } catch {
    // No folder yet: nobody has left anything.
  }
  for (const name of names) {
    const pid = Number(ofCapture.exec(name)?.[1])
    if (!(pid > 0) || isAlive(pid)) continue
    const file = join(dataDir, name)
    const left = openSwitchedOn(file)
    for (const vhost of left.all()) own.add(vhost)
    rmSync(file, { force: true })
  }
}
