import { createHmac, timingSafeEqual } from 'node:crypto'

/** What a button in a message of ours asks for. */
export interface SlackAction {
  readonly kind: 'ack' | 'silence'
  readonly alertId: string
  /** Who pressed it, as Slack names them. */
  readonly by: string
  /** Where an answer may be posted for half an hour. */
  readonly responseUrl?: string
}

export const actionIds = { ack: 'thump_ack', silence: 'thump_silence' } as const
/** Older requests are replays: https://docs.slack.dev/authentication/verifying-requests-from-slack */
const oldestS = 300

/** Has Slack signed exactly these bytes with this secret, just now? */
export function isSignedBySlack(
  secret: string,
  { timestamp, signature, body }: { timestamp: string | undefined; signature: string | undefined; body: string },
  nowMs: number,
): boolean {
  if (timestamp === undefined || signature === undefined || !/^\d{1,12}$/u.test(timestamp)) return false
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > oldestS) return false
  const wanted = Buffer.from(`v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`)
  const given = Buffer.from(signature)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

interface Payload {
  readonly type?: string
  readonly user?: { readonly username?: string; readonly name?: string; readonly id?: string }
  readonly actions?: ReadonlyArray<{ readonly action_id?: string; readonly value?: string }>
  readonly response_url?: string
}

/** The first of our buttons in a request's form; undefined where it holds none. */
export function readSlackAction(body: string): SlackAction | undefined {
  const payload = parse(new URLSearchParams(body).get('payload'))
  if (payload?.type !== 'block_actions') return undefined
  for (const { action_id: id, value } of payload.actions ?? []) {
    const kind = id === actionIds.ack ? 'ack' : id === actionIds.silence ? 'silence' : undefined
    if (!kind || typeof value !== 'string' || value === '') continue
    const { user = {}, response_url: url } = payload
    const by = (user.username ?? user.name ?? user.id ?? 'somebody in Slack').slice(0, 100)
    const isSlack = typeof url === 'string' && url.startsWith('https://hooks.slack.com/')
    return { kind, alertId: value, by, ...(isSlack && { responseUrl: url }) }
  }
  return undefined
}

function parse(text: string | null): Payload | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? '')
    return typeof parsed === 'object' && parsed !== null ? (parsed as Payload) : undefined
  } catch {
    return undefined
  }
}
