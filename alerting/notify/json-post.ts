import type { Answer, Attempt, Channel } from './channel.ts'
import { answerOfFailure, answerOfStatus, createHttpClient, type HttpAnswer, type HttpSettings } from './http.ts'
import type { Notice } from './notice.ts'

export interface JsonPost {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

/** A channel that posts one JSON document a message; `read` knows the medium's own answers. */
export function jsonChannel(
  config: HttpSettings,
  write: (notice: Notice, attempt: Attempt) => JsonPost,
  read: (answer: HttpAnswer, nowMs: number) => Answer = answerOfStatus,
): Channel {
  const http = createHttpClient(config)
  return {
    async send(notice, attempt) {
      try {
        const { url, headers, body } = write(notice, attempt)
        const sent = await http.send({
          url,
          headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
          body: JSON.stringify(body),
          signal: attempt.signal,
        })
        return read(sent, attempt.nowMs)
      } catch (error) {
        return answerOfFailure(error)
      }
    },
    close: () => http.close(),
  }
}

/** The answer's JSON, or an empty object where it is none. */
export function jsonOf<T extends object>({ text }: HttpAnswer): Partial<T> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Partial<T>) : {}
  } catch {
    return {}
  }
}
