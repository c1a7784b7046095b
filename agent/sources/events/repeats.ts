import type { ThumpEvent } from '../../../event/event.ts'

/** Every node tells of an alarm, and of a node that joins or leaves. */
const toldByEach = /^(?:alarm\.(?:set|cleared)|node\.(?:added|deleted))$/
/** The nodes of a cluster learn of it within this time. */
const togetherMs = 5000
/** No cluster has as many nodes and alarms. */
const maxSubjects = 1000

/** Says of an event whether another node has just told the same: nothing else was told of that alarm or node since. */
export function createRepeats(): (event: ThumpEvent) => boolean {
  const last = new Map<string, { readonly action: string; readonly atMs: number }>()
  return ({ event, rabbitmq, service, '@timestamp': time }) => {
    const { action = '' } = event
    if (!toldByEach.test(action)) return false
    const subject = JSON.stringify([action.split('.', 1)[0], rabbitmq?.['alarm'], service.node?.name])
    const atMs = Date.parse(time)
    const before = last.get(subject)
    if (before?.action === action && Math.abs(atMs - before.atMs) < togetherMs) return true
    if (last.size >= maxSubjects) last.clear()
    last.set(subject, { action, atMs })
    return false
  }
}
