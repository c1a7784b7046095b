// Runs before `npm start` and `npm test`, on whatever Node npm itself runs on: plain JavaScript, no dependencies.
// Installs the packages when the lockfile, the platform or the architecture differ from what node_modules was made for.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'node_modules', '.thump-installed')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform} ${process.arch}`)
  .digest('hex')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stderr.write('thump: installing packages (once, about 20 s) ...\n')
  const npm = process.env.npm_execpath
  const command = npm ? [process.execPath, npm] : ['npm']
  const args = [...command.slice(1), 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync(command[0], args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) {
    process.stderr.write('thump: npm ci failed (see above); is the package registry reachable?\n')
    process.exit(status ?? 1)
  }
  writeFileSync(stamp, wanted)
  process.stderr.write('thump: packages installed\n')
}
