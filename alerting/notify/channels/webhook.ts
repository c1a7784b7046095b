import { createHmac } from 'node:crypto'
import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { Secret } from '../../../runtime/config/secret.ts'
import { noticeJson } from '../alert-json.ts'
import type { Channel, Wording } from '../channel.ts'
import { answerOfFailure, answerOfStatus, createHttpClient } from '../http.ts'
import { required } from '../required.ts'

type WebhookConfig = Extract<ChannelConfig, { type: 'webhook' }>

/** JSON by POST, signed as Standard Webhooks describe it where a secret is given. */
export function openWebhook(name: string, config: WebhookConfig, wording: Wording): Channel {
  const url = required(config.url, name, 'url').reveal()
  const keys = signingKeys(config.secret)
  const http = createHttpClient(config)
  return {
    async send(notice, { signal, nowMs }) {
      const body = JSON.stringify(noticeJson(notice, wording))
      const headers = {
        ...config.headers,
        'content-type': 'application/json; charset=utf-8',
        ...signatureHeaders(keys, notice.id, Math.floor(nowMs / 1000), body),
      }
      try {
        return answerOfStatus(await http.send({ url, headers, body, signal }), nowMs)
      } catch (error) {
        return answerOfFailure(error)
      }
    },
    close: () => http.close(),
  }
}

/** Several secrets, one a line or space, serve while one replaces the other. */
export function signingKeys(secret: Secret | undefined): Buffer[] {
  const texts = secret?.reveal().split(/\s+/u).filter(Boolean) ?? []
  return texts.map((text) =>
    text.startsWith('whsec_') ? Buffer.from(text.slice('whsec_'.length), 'base64') : Buffer.from(text, 'utf8'),
  )
}

/** `webhook-id`, `webhook-timestamp` (s) and, with keys, `webhook-signature: v1,<base64> …`. */
export function signatureHeaders(
  keys: readonly Buffer[],
  id: string,
  timestampS: number,
  body: string,
): Record<string, string> {
  const signed = `${id}.${timestampS}.${body}`
  const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
  }
}
