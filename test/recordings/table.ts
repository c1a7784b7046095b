import { joinAttribution } from '../../event/attribution.ts'
import { internalTag, type ThumpEvent } from '../../event/event.ts'
import { markerPrefix, titles } from './afternoon.ts'

/**
 * The operations of an afternoon as people read them: a step's in one block, sorted, without what differs from one day to
 * the next (ports, pids, node names).
 */
export function tableOf(events: readonly ThumpEvent[]): string {
  const blocks: string[][] = titles.map(() => [])
  const stepOf = stepsBy(events)
  for (const event of joinAttribution(events)) {
    const step = stepOf(event)
    if (event.amqp?.operation !== undefined && step !== undefined && !event.tags?.includes(internalTag))
      blocks[step]?.push(rowOf(event))
  }
  return `${titles.map((title, step) => [`# ${title}`, ...(blocks[step] ?? []).toSorted()].join('\n')).join('\n\n')}\n`
}

/** A step ends with its marker in the stream that the event came by. */
function stepsBy(events: readonly ThumpEvent[]): (event: ThumpEvent) => number | undefined {
  const steps = new Map<string, number>()
  const atOf = { events: -1, lines: -1 }
  for (const event of events) {
    const isLine = event.rabbitmq?.attribution !== undefined && event.event.action === 'queue.purged'
    const stream = isLine || event.event.dataset === 'rabbitmq.access' ? 'lines' : 'events'
    steps.set(event.event.id, atOf[stream])
    const marker = event.rabbitmq?.queue ?? event.url?.path?.split('/').at(-1)
    const isEnd = event.event.action === 'queue.deleted' || event.http?.request?.method === 'DELETE'
    if (isEnd && marker?.startsWith(markerPrefix)) atOf[stream]++
  }
  return ({ event }) => {
    const step = steps.get(event.id)
    return step === undefined || step < 0 ? undefined : step
  }
}

function rowOf(event: ThumpEvent): string {
  const { amqp, user, source, client, rabbitmq = {}, user_agent: agent } = event
  const told = [
    user?.name,
    source?.ip !== undefined && `from ${source.ip}`,
    client?.name !== undefined && `(${client.name})`,
    agent?.original !== undefined && `with ${agent.original.split('/', 1)[0] ?? ''}`,
    rabbitmq.attribution !== undefined && `via ${rabbitmq.attribution}`,
    rabbitmq.candidates !== undefined && `candidates ${rabbitmq.candidates.map(clientOf).toSorted().join(', ')}`,
    typeof rabbitmq['reason'] === 'string' && `because ${rabbitmq['reason']}`,
  ]
  const row = `${amqp?.operation?.padEnd(17) ?? ''} ${event.message}  <- ${told.filter(Boolean).join(' ')}`
  return row.replace(/(127\.0\.0\.\d+):\d+/g, '$1').replace(/\S+@localhost\S*/g, 'the node')
}

const clientOf = (candidate: unknown) => (candidate as { client?: string }).client ?? '?'
