import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { Answer, Channel, Wording } from '../channel.ts'
import { tellStory } from '../facts.ts'
import { answerOfStatus, type HttpAnswer } from '../http.ts'
import { jsonChannel, jsonOf } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { required } from '../required.ts'
import { escapeHtml, withoutCalls } from '../text.ts'

type TelegramConfig = Extract<ChannelConfig, { type: 'telegram' }>

// 4,096 characters after its marks are read; each mark here is longer than what it stands for.
const maxLength = 4000

/** By a bot; an alert's later messages are replies to its first. */
export function openTelegram(name: string, config: TelegramConfig, wording: Wording): Channel {
  const token = required(config.token, name, 'token').reveal()
  // Not resolved against the base: a token has a colon and would be read as a scheme.
  const url = `${config.apiUrl.replace(/\/+$/u, '')}/bot${token}/sendMessage`
  return jsonChannel(
    config,
    (notice, { ref }) => ({
      url,
      body: {
        chat_id: config.chatId,
        text: telegramText(notice, wording),
        parse_mode: 'HTML',
        link_preview_options: { is_disabled: true },
        ...(ref !== undefined && {
          reply_parameters: { message_id: Number(ref), allow_sending_without_reply: true },
        }),
      },
    }),
    answerOfTelegram,
  )
}

/** Whole lines, as many as fit: a mark is never cut in two. */
export function telegramText(notice: Notice, wording: Wording): string {
  const story = tellStory(notice, wording)
  const lines = [
    `<b>${escaped(story.title)}</b>`,
    ...(story.note === undefined ? [] : [`<i>${escaped(story.note)}</i>`]),
    ...(story.description === undefined ? [] : [escaped(story.description)]),
    ...story.facts.map(({ name, value }) => `${escaped(name)}: ${escaped(value)}`),
    ...story.lines.map((line) => `<code>${escaped(line)}</code>`),
    ...(story.runbook === undefined ? [] : [`Runbook: ${escaped(story.runbook)}`]),
    ...(story.link === undefined ? [] : [escaped(story.link)]),
    ...(story.command === undefined ? [] : [`<code>${escaped(story.command)}</code>`]),
  ]
  let text = ''
  for (const line of lines) {
    if (text.length + line.length + 1 > maxLength) break
    text += `${line}\n`
  }
  return text
}

function escaped(text: string): string {
  return escapeHtml(withoutCalls(text))
}

interface TelegramAnswer {
  readonly ok: boolean
  readonly description: string
  readonly result: { readonly message_id?: number }
  readonly parameters: { readonly retry_after?: number }
}

export function answerOfTelegram(answer: HttpAnswer, nowMs: number): Answer {
  const known = answerOfStatus(answer, nowMs)
  const { ok, description, result, parameters } = jsonOf<TelegramAnswer>(answer)
  if (known.kind === 'ok') {
    if (ok !== true) return { kind: 'retry', reason: 'unreadable-answer', detail: description ?? 'no Telegram answer' }
    return result?.message_id === undefined ? known : { ...known, ref: String(result.message_id) }
  }
  const seconds = parameters?.retry_after
  if (known.kind !== 'retry' || typeof seconds !== 'number') return known
  return { ...known, kind: 'retryAfter', afterMs: Math.min(3_600_000, seconds * 1000) }
}
