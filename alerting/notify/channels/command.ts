import { spawn } from 'node:child_process'
import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import { noticeJson } from '../alert-json.ts'
import type { Answer, Channel, Wording } from '../channel.ts'
import type { Notice } from '../notice.ts'
import { oneLine } from '../text.ts'

type CommandConfig = Extract<ChannelConfig, { type: 'command' }>

/** Exit codes by which a program says that it will never take this (sysexits: usage, data, configuration). */
const permanentCodes = new Set([64, 65, 78])
const keptOutput = 2000

/** Runs a program, no shell: the webhook's JSON on its standard input; exit 0 is accepted. */
export function openCommand(config: CommandConfig, wording: Wording): Channel {
  return {
    send: (notice, { signal }) => runCommand(config, notice, wording, signal),
    close: async () => {},
  }
}

function runCommand(
  { command, timeout }: CommandConfig,
  notice: Notice,
  wording: Wording,
  signal: AbortSignal,
): Promise<Answer> {
  const [program = '', ...args] = command
  return new Promise((resolve) => {
    // A group of its own, so that what it has started ends with it.
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], detached: true, env: environment(notice) })
    let complaint = ''
    let isLate = false
    const end = () => {
      isLate = true
      if (child.pid !== undefined) endGroup(child.pid)
    }
    const timer = setTimeout(end, timeout)
    signal.addEventListener('abort', end, { once: true })
    const settle = (answer: Answer) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve(answer)
    }
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < keptOutput) complaint += chunk.toString('utf8')
    })
    // A program may exit without reading: that is its choice.
    child.stdin.on('error', () => {})
    child.stdin.end(JSON.stringify(noticeJson(notice, wording)))
    child.on('error', (error) => settle({ kind: 'retry', reason: 'not-started', detail: error.message }))
    child.on('close', (code) => settle(isLate ? tooLate(timeout) : answerOfExit(code, complaint)))
  })
}

function tooLate(timeoutMs: number): Answer {
  return { kind: 'retry', reason: 'timeout', detail: `the command did not end within ${timeoutMs} ms` }
}

export function answerOfExit(code: number | null, complaint: string): Answer {
  if (code === 0) return { kind: 'ok', detail: 'exit 0' }
  const detail = `exit ${code ?? 'by a signal'}${complaint === '' ? '' : `: ${oneLine(complaint, 200)}`}`
  const reason = code === null ? 'signal' : `exit-${code}`
  return { kind: code !== null && permanentCodes.has(code) ? 'permanent' : 'retry', reason, detail }
}

/** What the alert is may come from anybody: only words of our own are in the environment. */
function environment({ id, kind, alerts: [alert] }: Notice): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    LANG: process.env['LANG'],
    TZ: process.env['TZ'],
    THUMP_NOTICE_ID: id,
    THUMP_REASON: kind,
    THUMP_ALERT_ID: alert.id,
    THUMP_RULE: alert.ruleId,
    THUMP_STATE: alert.state,
    THUMP_SEVERITY: alert.severity,
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
