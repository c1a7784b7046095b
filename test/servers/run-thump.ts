import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../demo/broker/free-ports.ts'
import { baseVariable } from '../../demo/broker/processes.ts'
import { eventually } from './eventually.ts'

/** As a clone is run: from its sources. */
const fromSources = [process.execPath, join(import.meta.dirname, '../../thump.ts')]

export interface ThumpRequest {
  /** The text of thump.yaml. */
  readonly config?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What is started in place of the sources, with its first arguments. */
  readonly program?: readonly string[]
}

export interface ThumpExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ThumpProcess {
  readonly pid: number
  readonly healthUrl: string
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves once GET /readyz answers 200; fails with the log when the process ends or time runs out. */
  ready(withinMs?: number): Promise<void>
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<ThumpExit>
  /** kill -9 */
  kill(): Promise<ThumpExit>
  /** SIGTERM, and SIGKILL after `withinMs` (default 20,000), which is an error. */
  stop(withinMs?: number): Promise<ThumpExit>
  signal(name: NodeJS.Signals): void
}

/** Starts `thump …` as a child process with a health port of its own. A role; for verbs that end by themselves see `thump`. */
export async function runThump(args: readonly string[], request: ThumpRequest = {}): Promise<ThumpProcess> {
  const [port = 0] = await freePorts(1)
  const listen = `health.listen=127.0.0.1:${port}`
  return launch([...args, '--set', listen], request, `http://127.0.0.1:${port}`)
}

/** Runs a verb to its end. */
export async function thump(args: readonly string[], request: ThumpRequest = {}): Promise<ThumpExit> {
  return await launch(args, request, '').ended
}

/** Where a guard watches over all that this process starts: over thump too. */
function guarded(): Record<string, string> {
  const base = process.env[baseVariable]
  return base === undefined ? {} : { [baseVariable]: base }
}

function launch(args: readonly string[], request: ThumpRequest, healthUrl: string): ThumpProcess {
  const { config, env, cwd, program = fromSources } = request
  const dir = mkdtempSync(join(tmpdir(), 'thump-run-'))
  const file = join(dir, 'thump.yaml')
  if (config !== undefined) writeFileSync(file, config)
  const [command = '', ...first] = program
  const child = spawn(command, [...first, ...args, ...(config === undefined ? [] : ['--config', file])], {
    cwd: cwd ?? dir,
    env: { PATH: process.env['PATH'] ?? '', HOME: dir, NO_COLOR: '1', ...guarded(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  // A test that breaks off must not leave a role running.
  const onExit = () => void child.kill('SIGKILL')
  process.once('exit', onExit)
  const ended = once(child, 'close').then((): ThumpExit => {
    process.off('exit', onExit)
    rmSync(dir, { recursive: true, force: true })
    return { code: child.exitCode, signal: child.signalCode, stdout: stdout(), stderr: stderr() }
  })
  return {
    pid: child.pid ?? 0,
    healthUrl,
    stdout,
    stderr,
    ended,
    ready: (withinMs = 60_000) => untilReady(child, healthUrl, withinMs, () => stdout() + stderr()),
    kill: () => {
      child.kill('SIGKILL')
      return ended
    },
    stop: (withinMs = 20_000) => stopInOrder(child, ended, withinMs, () => stdout() + stderr()),
    signal: (name) => void child.kill(name),
  }
}

async function untilReady(child: ChildProcess, url: string, withinMs: number, said: () => string): Promise<void> {
  let reason = 'nothing answered'
  const isReady = async () => {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })
    reason = await response.text()
    return response.ok
  }
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  await eventually(async () => hasEnded() || (await isReady()), { withinMs }).catch((cause: unknown) => {
    throw new Error(`thump was not ready within ${withinMs} ms: ${reason}\n${said().slice(-4000)}`, { cause })
  })
  if (hasEnded()) throw new Error(`thump ended (${child.exitCode ?? child.signalCode}):\n${said().slice(-4000)}`)
}

async function stopInOrder(
  child: ChildProcess,
  ended: Promise<ThumpExit>,
  withinMs: number,
  said: () => string,
): Promise<ThumpExit> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
  const exit = await ended
  clearTimeout(timer)
  if (exit.signal === 'SIGKILL') throw new Error(`thump did not stop within ${withinMs} ms:\n${said().slice(-4000)}`)
  return exit
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return () => text
}
