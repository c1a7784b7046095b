import type { Json, ThumpEvent } from '../../event/event.ts'

/** One line of the card that says who did it; `value` is not cleaned yet. */
export interface WhoLine {
  readonly name: 'who' | 'way' | 'maybe'
  readonly value: string
}

const ways: Readonly<Record<string, string>> = {
  amqp: 'over an AMQP connection',
  'http-api': 'by the HTTP API',
  cli: 'by the command line',
  broker: 'by the broker itself',
}
const shownCandidates = 3

/** Who, from where, as which client, by which way; where that is not known, why, and which connections it may have been. */
export function whoDidIt(event: ThumpEvent | undefined): WhoLine[] {
  if (!event) return []
  const { user, source, client, rabbitmq = {}, user_agent: agent } = event
  const address = source?.ip === undefined ? undefined : addressOf(source.ip, source.port)
  const who = [
    user?.name,
    address !== undefined && `from ${address}`,
    client?.name !== undefined && `(${client.name})`,
    client?.name === undefined && agent?.original !== undefined && `(${agent.original})`,
  ].filter((part) => typeof part === 'string')
  const { attribution, candidates = [] } = rabbitmq
  const lines: WhoLine[] = []
  if (who.length > 0) lines.push({ name: 'who', value: who.join(' ') })
  if (attribution !== undefined) lines.push({ name: 'way', value: ways[attribution] ?? attribution })
  if (candidates.length > 0) lines.push({ name: 'maybe', value: candidatesText(candidates) })
  return lines
}

function addressOf(ip: string, port: number | undefined): string {
  if (port === undefined) return ip
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

function candidatesText(candidates: readonly Json[]): string {
  const texts = candidates.slice(0, shownCandidates).map((candidate) => {
    if (typeof candidate !== 'object' || candidate === null || Array.isArray(candidate)) return String(candidate)
    const { connection, client } = candidate as { connection?: Json; client?: Json }
    const name = typeof client === 'string' ? ` (${client})` : ''
    return `${typeof connection === 'string' ? connection : '?'}${name}`
  })
  const more = candidates.length - texts.length
  return `${texts.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
