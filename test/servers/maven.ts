import { spawn } from 'node:child_process'
import { ensureTool } from './cache.ts'
import { javaHome } from './java.ts'

/** Runs Maven quietly to its end. A checksum that does not match fails the download (`-C`). */
export async function maven(...args: string[]): Promise<void> {
  const child = spawn(await ensureTool('mvn'), ['-q', '-B', '-C', ...args], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, JAVA_HOME: await javaHome(17) },
  })
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`mvn ${args.join(' ')} failed; its reason is above`)
}
