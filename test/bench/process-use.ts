import { readFileSync } from 'node:fs'

/** Linux's clock tick for /proc, in ms. */
const tickMs = 10

/** CPU time of processes so far, ms: user and system. */
export function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    // After the name, which may hold blanks and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
    return sum + (Number(fields[11]) + Number(fields[12])) * tickMs
  }, 0)
}

/** The greatest resident memory that the process has had, bytes. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM')
}

/** The memory that the process has resident now, bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS')
}

function statusBytes(pid: number, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1] ?? 0) * 1024
}
