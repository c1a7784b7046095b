import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import { cutText } from '../../rules/text.ts'
import type { Answer, Channel, Wording } from '../channel.ts'
import { tellStory } from '../facts.ts'
import { answerOfStatus, type HttpAnswer } from '../http.ts'
import { jsonChannel, jsonOf } from '../json-post.ts'
import { channelError, required } from '../required.ts'
import { storyText } from '../story-text.ts'

type KakaoworkConfig = Extract<ChannelConfig, { type: 'kakaowork' }>

const maxText = 1900

/** A bot's text to one conversation, or to one person by mail address. */
export function openKakaowork(name: string, config: KakaoworkConfig, wording: Wording): Channel {
  const token = required(config.token, name, 'token').reveal()
  const { email, conversationId } = config
  if ((email === undefined) === (conversationId === undefined)) {
    throw channelError(name, '', `kakaowork channel "${name}" needs either email or conversationId`)
  }
  const method = email === undefined ? 'v1/messages.send' : 'v1/messages.send_by_email'
  return jsonChannel(
    config,
    (notice) => ({
      url: new URL(method, config.apiUrl).href,
      headers: { authorization: `Bearer ${token}` },
      body: {
        ...(email === undefined ? { conversation_id: conversationId } : { email }),
        text: cutText(storyText(tellStory(notice, wording)), maxText),
      },
    }),
    answerOfKakaowork,
  )
}

/** It may answer 200 where it refuses. */
export function answerOfKakaowork(answer: HttpAnswer, nowMs: number): Answer {
  const known = answerOfStatus(answer, nowMs)
  if (known.kind !== 'ok') return known
  const { success, error } = jsonOf<{ success: boolean; error: { code?: string; message?: string } }>(answer)
  if (success !== false) return known
  const reason = error?.code ?? 'refused'
  const detail = `KakaoWork answered ${reason}${error?.message === undefined ? '' : `: ${error.message}`}`
  return /limit|too_many|internal|unavailable/u.test(reason)
    ? { kind: 'retry', reason, detail }
    : { kind: 'permanent', reason, detail }
}
