import type { Clock } from './clock.ts'
import type { Started } from './shutdown.ts'

const lookEveryMs = 5000
/** Of a core. An agent with 200 files that are not written to uses 0.005. */
const restShare = 0.05
/** A collection of all garbage costs 50 ms of CPU: a load that comes and goes pays it once a minute at most. */
const betweenMs = 60_000
/** What a process at rest makes, and V8 takes for long-lived, is no more than a few MB in so long. */
const restMs = 300_000

/** Says when a process gives back: at the first look that finds it at rest after work (starting is work), then now and again. */
class Rest {
  #hasWorked = true
  #lastMs = Number.NEGATIVE_INFINITY

  isTime(share: number, nowMs: number): boolean {
    if (share >= restShare) {
      this.#hasWorked = true
      return false
    }
    if (nowMs - this.#lastMs < (this.#hasWorked ? betweenMs : restMs)) return false
    this.#hasWorked = false
    this.#lastMs = nowMs
    return true
  }
}

const releases = new Set<() => void>()

/** What a module keeps for the next load it lets go here, whenever the process has come to rest. There is no taking back: it is for memory of a module, not of an object. */
export function letGoAtRest(release: () => void): void {
  releases.add(release)
}

interface GiveBackDeps {
  /** Collects all garbage; undefined where the launcher did not ask V8 for it. */
  readonly collect: typeof globalThis.gc
  readonly cpuMs?: () => number
  readonly now: Clock
}

/**
 * Gives back what starting and working have taken, once it is quiet. V8 does it by itself only where a process allocates
 * next to nothing, and one that looks at 200 files every second is no such: its young generation would stay as large as
 * the last load had made it, and what start-up left behind would stay for hours.
 */
export function startGivingBack({ collect, cpuMs = usedMs, now }: GiveBackDeps): Started<void> {
  if (!collect) return { value: undefined, stop: () => Promise.resolve() }
  const rest = new Rest()
  let [lastCpuMs, lastMs] = [cpuMs(), now()]
  const timer = setInterval(() => {
    const [usedNowMs, nowMs] = [cpuMs(), now()]
    const share = (usedNowMs - lastCpuMs) / Math.max(1, nowMs - lastMs)
    lastMs = nowMs
    if (rest.isTime(share, nowMs)) {
      for (const release of releases) release()
      // The last resort is the flavour that also makes the young generation small again.
      collect({ type: 'major', flavor: 'last-resort' })
    }
    lastCpuMs = cpuMs()
  }, lookEveryMs)
  timer.unref()
  return { value: undefined, stop: async () => clearInterval(timer) }
}

function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
