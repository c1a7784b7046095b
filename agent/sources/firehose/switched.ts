import { z } from 'zod'
import { readJsonFile, writeDurably } from '../../../runtime/durable-file.ts'

const kept = z.object({ vhosts: z.array(z.string()) })

/** The vhosts whose tracing we switched on and have not switched off yet; on disk before the switch, so that a crash is mended by the next start. */
export interface SwitchedOn {
  has(vhost: string): boolean
  add(vhost: string): void
  remove(vhost: string): void
}

export function openSwitchedOn(file: string): SwitchedOn {
  const found = kept.safeParse(readJsonFile(file))
  const vhosts = new Set(found.success ? found.data.vhosts : [])
  const save = () => writeDurably(file, `${JSON.stringify({ vhosts: [...vhosts] })}\n`)
  return {
    has: (vhost) => vhosts.has(vhost),
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
