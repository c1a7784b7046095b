import { existsSync } from 'node:fs'
import { Folders, type Glob } from './glob.ts'
import type { Patterns } from './look.ts'

export interface Unmatched {
  readonly pattern: string
  /** What most likely is the matter, and what to do. */
  readonly fix: string
}

const whereTheBrokerLogs = 'rabbitmq-diagnostics -q log_location says where the broker logs'

/** The patterns that name no file as things stand: most often a wrong path, told at the start so that nobody waits for lines. */
export function unmatchedPatterns({ inputs }: Patterns): readonly Unmatched[] {
  const folders = new Folders()
  return inputs.flatMap(({ globs }) =>
    globs
      .filter((glob) => glob.expand(folders).length === 0)
      .map((glob) => ({ pattern: glob.pattern, fix: fixOf(glob, folders) })),
  )
}

function fixOf({ root }: Glob, folders: Folders): string {
  const failure = folders.failed.get(root)
  if (failure !== undefined)
    return `${root} may not be listed by this user (${failure}): usermod -a -G rabbitmq thump, then start the agent anew`
  if (!existsSync(root)) return `${root} does not exist: ${whereTheBrokerLogs}`
  const { length } = folders.list(root)
  return `none of the ${length} names in ${root} fits: ${whereTheBrokerLogs}`
}
