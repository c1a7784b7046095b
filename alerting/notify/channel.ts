import type { AlertingConfig } from '../../runtime/config/schema-alerting.ts'
import type { Notice } from './notice.ts'

/** What a medium said to one message. `reason` is bounded: it is a metric label's worth of text; `detail` is for people. */
export type Answer =
  /** `ref` names the message in its medium, for later edits and replies. */
  | { readonly kind: 'ok'; readonly ref?: string; readonly detail?: string }
  /** `progress` comes back with the next attempt, e.g. the recipients that already have it. */
  | { readonly kind: 'retry'; readonly reason: string; readonly detail: string; readonly progress?: string }
  | { readonly kind: 'retryAfter'; readonly afterMs: number; readonly reason: string; readonly detail: string }
  | { readonly kind: 'permanent'; readonly reason: string; readonly detail: string }

export interface Attempt {
  readonly signal: AbortSignal
  readonly nowMs: number
  /** How the medium named this alert's first message. */
  readonly ref?: string
  /** What the last attempt left behind. */
  readonly progress?: string
}

/** One way to reach people. `send` answers as a value; what it throws counts as a retry. */
export interface Channel {
  send(notice: Notice, attempt: Attempt): Promise<Answer>
  close(): Promise<void>
  /** The medium takes many alerts in one message: a digest then shows at least so many. */
  readonly showsAtLeast?: number
  /** How often the medium wants an alert told again while it fires; absent = never. */
  readonly resendMs?: number
  /** Who has taken an alert is shown in its message. */
  readonly showsAcks?: true
}

/** What every message is written with. */
export interface Wording {
  readonly timezone: string
  /** Links start with it; without it there are none. */
  readonly publicUrl?: string
  /** A place of the user's own instead, with `{query}`, `{from}`, `{to}`, `{id}`, `{rule}`. */
  readonly alertLink?: string
}

export function wordingFor({ publicUrl, links }: AlertingConfig, timezone: string): Wording {
  return {
    timezone,
    ...(publicUrl !== undefined && { publicUrl }),
    ...(links.alert !== undefined && { alertLink: links.alert }),
  }
}
