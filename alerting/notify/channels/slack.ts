import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { Answer, Attempt, Channel, Wording } from '../channel.ts'
import { answerOfFailure, answerOfStatus, createHttpClient, type HttpAnswer, type HttpClient } from '../http.ts'
import { jsonChannel, jsonOf } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { channelError, required } from '../required.ts'
import { slackMessage, type SlackMessage } from './slack-blocks.ts'

type SlackConfig = Extract<ChannelConfig, { type: 'slack' }>

/** By an incoming webhook: one message a change. By a bot's token: one message an alert or group, edited, with its story in the thread. */
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
    send(notice, attempt) {
      const message = write(notice)
      return tellByBot(bot, http, { message, overview: notice.group ? write(overviewOf(notice)) : message }, attempt)
    },
    close: () => http.close(),
    showsAcks: true,
  }
}

/** Edits the first message of the alert or group where there is one, and says what is new in its thread. */
async function tellByBot(
  { token, target, apiUrl }: Bot,
  http: HttpClient,
  { message, overview }: { readonly message: SlackMessage; readonly overview: SlackMessage },
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
    if (ts === undefined) return await call('chat.postMessage', { channel: target, ...overview })
    const edited = await call('chat.update', { channel, ts, ...overview })
    // Gone or too old to be edited: the reply in its thread still tells it.
    if (edited.kind === 'retry' || edited.kind === 'retryAfter') return edited
    // The thread tells an alert's change in one line, for the message above has the rest; a group's news are nowhere else.
    const { text, blocks } = message
    const news = overview === message ? blocks.slice(0, replyBlocks) : blocks
    const reply = await call('chat.postMessage', { channel, thread_ts: ts, text, blocks: news })
    return reply.kind === 'ok' && ref !== undefined ? { ...reply, ref } : reply
  } catch (error) {
    return answerOfFailure(error)
  }
}

/** The group as it stands, in place of the digest that brings news of it. */
function overviewOf(notice: Notice): Notice {
  const [first, ...rest] = notice.group?.alerts ?? []
  return first ? { ...notice, kind: 'group', alerts: [first, ...rest] } : notice
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
