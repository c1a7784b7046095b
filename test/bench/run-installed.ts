import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { runThump, type ThumpProcess, type ThumpRequest } from '../servers/run-thump.ts'

const root = join(import.meta.dirname, '../..')
let isBuilt = false

/** `thump …` as npm installs it: what a process costs is measured on what a user starts. The first call builds it. */
export async function runInstalled(args: readonly string[], request: ThumpRequest = {}): Promise<ThumpProcess> {
  if (!isBuilt) execFileSync(process.execPath, [join(root, 'tools/build.ts')], { stdio: 'inherit' })
  isBuilt = true
  return await runThump(args, { ...request, program: [join(root, 'bin/thump')] })
}
