import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { Answer, Attempt, Channel, Wording } from '../channel.ts'
import { answerOfFailure, answerOfStatus, createHttpClient, type HttpAnswer, type HttpClient } from '../http.ts'
import { jsonChannel, jsonOf } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { channelError, required } from '../required.ts'
import { slackMessage, type SlackMessage } from './slack-blocks.ts'

type SlackConfig = Extract<ChannelConfig, { type: 'slack' }>

/** By an incoming webhook: one message a change. By a bot's token: one message an alert, edited, with its story in the thread. */
export function openSlack(name: string, config: SlackConfig, wording: Wording): Channel {
  const write: Write = (notice) => slackMessage(notice, wording, config.signingSecret !== undefined)
  if (config.webhookUrl) {
    const url = config.webhookUrl.reveal()
    return jsonChannel(config, (notice) => ({ url, body: write(notice) }))
  }
  if (!config.token) throw channelError(name, '', `slack channel "${name}" needs webhookUrl, or token and channel`)
  const target = required(config.channel, name, 'channel', `slack channel "${name}" needs channel beside its token`)
  return openBot({ token: config.token.reveal(), target, apiUrl: config.apiUrl }, config, write)
}

/** Of a reply in the thread: its title, and why it comes. */
const replyBlocks = 2
const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' }

interface Bot {
  readonly token: string
  readonly target: string
  readonly apiUrl: string
}

type Write = (notice: Notice) => SlackMessage

function openBot(bot: Bot, config: SlackConfig, write: Write): Channel {
  const http = createHttpClient(config)
  return {
    send: (notice, attempt) => tellByBot(bot, http, notice, write(notice), attempt),
    close: () => http.close(),
    showsAcks: true,
  }
}

/** Edits the alert's first message where there is one, and says what is new in its thread. */
async function tellByBot(
  { token, target, apiUrl }: Bot,
  http: HttpClient,
  notice: Notice,
  message: SlackMessage,
  { ref, signal, nowMs }: Attempt,
): Promise<Answer> {
  const call = async (method: string, body: Record<string, unknown>): Promise<Answer> => {
    const answer = await http.send({
      url: new URL(method, apiUrl).href,
      headers: { ...jsonHeaders, authorization: `Bearer ${token}` },
      body: JSON.stringify({ ...body, unfurl_links: false }),
      signal,
    })
    return answerOfSlack(answer, nowMs)
  }
  try {
    const { channel, ts } = placeOf(ref)
    if (ts === undefined || notice.digest) return await call('chat.postMessage', { channel: target, ...message })
    const edited = await call('chat.update', { channel, ts, ...message })
    // Gone or too old to be edited: the reply in its thread still tells it.
    if (edited.kind === 'retry' || edited.kind === 'retryAfter') return edited
    // The thread tells the change in one line; the message above it has the rest.
    const { text, blocks } = message
    const reply = await call('chat.postMessage', { channel, thread_ts: ts, text, blocks: blocks.slice(0, replyBlocks) })
    return reply.kind === 'ok' && ref !== undefined ? { ...reply, ref } : reply
  } catch (error) {
    return answerOfFailure(error)
  }
}

function placeOf(ref: string | undefined): { channel?: string; ts?: string } {
  const [channel, ts] = ref?.split(' ') ?? []
  return channel !== undefined && ts !== undefined ? { channel, ts } : {}
}

// An answer that is not Slack's comes from something between it and us.
const passing = new Set([
  'unreadable-answer',
  'ratelimited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
])

interface SlackAnswer {
  readonly ok: boolean
  readonly error: string
  readonly channel: string
  readonly ts: string
}

/** Slack's API answers 200 also where it refuses. */
export function answerOfSlack(answer: HttpAnswer, nowMs: number): Answer {
  const byStatus = answerOfStatus(answer, nowMs)
  if (byStatus.kind !== 'ok') return byStatus
  const { ok, error, channel, ts } = jsonOf<SlackAnswer>(answer)
  if (ok !== true) {
    const reason = error ?? 'unreadable-answer'
    const detail = `Slack answered ${reason}`
    return passing.has(reason) ? { kind: 'retry', reason, detail } : { kind: 'permanent', reason, detail }
  }
  return { kind: 'ok', ...(channel !== undefined && ts !== undefined && { ref: `${channel} ${ts}` }) }
}
