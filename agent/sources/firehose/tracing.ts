import type { Clock } from '../../../runtime/clock.ts'
import { askManagement, type ManagementAccount } from '../../broker/management.ts'
import type { SelfReport } from '../../self-events.ts'
import { traceCommand } from './diagnosis.ts'
import type { Lane } from './lane.ts'
import type { SwitchedOn } from './switched.ts'
import type { FirehoseTelemetry } from './telemetry.ts'

export interface TracingDeps {
  /** An administrator; without one, people are told the command. */
  readonly tracing?: ManagementAccount | undefined
  readonly switchedOn: SwitchedOn
  readonly telemetry: FirehoseTelemetry
  readonly now: Clock
  readonly tell: (report: SelfReport) => void
}

/** A node that has just started does not know for a moment how long it has been up. */
const maxUnsureMs = 30_000
/** A node that has been up for less may have lost its tracing by its restart. */
const justStartedMs = 10 * 60_000

/** Keeps tracing on while the firehose may run: it costs the broker about a fifth even when nobody reads it. */
export function createTracingKeeper({ tracing, switchedOn, telemetry, tell, now }: TracingDeps) {
  const off = async (vhost: string, signal: AbortSignal): Promise<boolean> => {
    if (!tracing) return false
    try {
      await switchTracing(tracing, vhost, false, signal)
      switchedOn.remove(vhost)
      return true
    } catch (err) {
      const command = traceCommand('trace_off', vhost)
      telemetry.log.error({ err, vhost, command }, 'tracing not switched off')
      return false
    }
  }
  return {
    canSwitch: tracing !== undefined,
    /** Notes what was seen of a vhost; where tracing is off, switches it on or says the command, once. */
    async saw(lane: Lane, isTracing: boolean, uptimeMs: number | undefined, signal: AbortSignal): Promise<void> {
      const before = lane.isTracing
      const isUnsure = before === true && !isTracing && uptimeMs === undefined
      lane.unsureSinceMs = isUnsure ? (lane.unsureSinceMs ?? now()) : undefined
      if (lane.unsureSinceMs !== undefined && now() - lane.unsureSinceMs < maxUnsureMs) return
      lane.isTracing = isTracing
      if (isTracing) {
        // On, and by us: a crash left it so.
        lane.wasFoundOn ||= before === undefined && !switchedOn.has(lane.vhost)
        lane.lastOnMs = now()
        return
      }
      if (tracing) {
        // Off, and not by our safety: then that is the state to leave.
        lane.wasFoundOn &&= lane.isOffByUs
        if (!lane.wasFoundOn) switchedOn.add(lane.vhost)
        await switchTracing(tracing, lane.vhost, true, signal)
        lane.isTracing = true
        lane.isOffByUs = false
        telemetry.log.info({ vhost: lane.vhost }, 'tracing switched on')
        return
      }
      if (before === false) return
      const command = traceCommand('trace_on', lane.vhost)
      telemetry.log.warn({ vhost: lane.vhost, command }, 'tracing is off')
      tell({
        action: 'firehose.tracing-off',
        outcome: 'failure',
        message: `no traces of vhost '${lane.vhost}': ${whyOff(lane.lastOnMs, uptimeMs, now())}; run: ${command}`,
        fields: { vhost: lane.vhost, command },
      })
    },
    /** For safety: to be switched on again. */
    async pause(lanes: readonly Lane[], signal: AbortSignal): Promise<void> {
      for (const lane of lanes) lane.isOffByUs = await off(lane.vhost, signal)
    },
    /** At the end: what we switched on, and nothing else. */
    async restore(signal: AbortSignal): Promise<void> {
      for (const vhost of switchedOn.all()) await off(vhost, signal)
    },
  }
}

/** A node that started after tracing was last seen on has switched it off by that. */
function whyOff(lastOnMs: number | undefined, uptimeMs: number | undefined, nowMs: number): string {
  const startedMs = uptimeMs === undefined ? undefined : nowMs - uptimeMs
  if (lastOnMs === undefined) {
    const hasJustStarted = uptimeMs !== undefined && uptimeMs < justStartedMs
    return hasJustStarted ? 'tracing is off, as after every start of the node, which was just now' : 'tracing is off'
  }
  if (startedMs !== undefined && startedMs > lastOnMs) return 'the restart of the node switched it off'
  return 'it was switched off'
}

/** PUTs the flag of one vhost on the node that answers; the vhost's other settings stay. Throws UnavailableError. */
export async function switchTracing(
  account: ManagementAccount,
  vhost: string,
  isOn: boolean,
  signal: AbortSignal,
): Promise<void> {
  const path = `/vhosts/${encodeURIComponent(vhost)}`
  // The request sets all of a vhost's settings: those not sent back would be lost.
  const { description, tags, default_queue_type: queueType } = await askManagement(account, path, signal)
  const put = {
    tracing: isOn,
    ...(typeof description === 'string' && { description }),
    ...(Array.isArray(tags) && { tags: tags.join(',') }),
    ...(typeof queueType === 'string' && queueType !== 'undefined' && { default_queue_type: queueType }),
  }
  await askManagement(account, path, signal, { put })
}
