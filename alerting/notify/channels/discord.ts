import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import { cutText } from '../../rules/text.ts'
import type { Answer, Channel, Wording } from '../channel.ts'
import { tellStory } from '../facts.ts'
import { answerOfStatus, type HttpAnswer } from '../http.ts'
import { jsonChannel, jsonOf } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { required } from '../required.ts'
import { escapeMarkdown, withoutCalls } from '../text.ts'

type DiscordConfig = Extract<ChannelConfig, { type: 'discord' }>

const colours = { info: 0x1d6fb8, warning: 0xb58900, high: 0xcb4b16, critical: 0xc4161c } as const
const resolvedColour = 0x2e7d32
// Of one embed: title 256, description 4,096, 25 fields of 256 and 1,024, and 6,000 in all.
const limits = { title: 250, description: 2500, fields: 15, name: 100, value: 150 }

/** An embed by an incoming webhook; mentions are switched off. */
export function openDiscord(name: string, config: DiscordConfig, wording: Wording): Channel {
  const url = required(config.webhookUrl, name, 'webhookUrl').reveal()
  return jsonChannel(config, (notice) => ({ url, body: discordMessage(notice, wording) }), answerOfDiscord)
}

export function discordMessage(notice: Notice, wording: Wording): Record<string, unknown> {
  const story = tellStory(notice, wording)
  const lines = story.lines.map((line) => withoutCalls(line.replaceAll('`', '\u02cb'))).join('\n')
  const parts = [
    story.note === undefined ? '' : escapeMarkdown(story.note),
    story.description === undefined ? '' : escapeMarkdown(story.description),
    lines === '' ? '' : `\`\`\`\n${cutText(lines, 1200)}\n\`\`\``,
    story.runbook === undefined ? '' : `Runbook: ${cutText(story.runbook, 300)}`,
    story.command === undefined ? '' : `Look: \`${story.command}\``,
  ]
  const embed = {
    title: cutText(escapeMarkdown(story.title), limits.title),
    ...(story.link !== undefined && { url: story.link }),
    color: story.isResolved ? resolvedColour : colours[story.severity],
    description: cutText(parts.filter(Boolean).join('\n\n'), limits.description),
    fields: story.facts.slice(0, limits.fields).map(({ name, value }) => ({
      name: cutText(escapeMarkdown(name), limits.name),
      value: cutText(escapeMarkdown(value), limits.value) || '-',
      inline: true,
    })),
  }
  return { username: 'Thump', embeds: [embed], allowed_mentions: { parse: [] } }
}

/** A 429 says how long, in seconds, in its body; the header may be missing. */
export function answerOfDiscord(answer: HttpAnswer, nowMs: number): Answer {
  const known = answerOfStatus(answer, nowMs)
  const { retry_after: seconds } = jsonOf<{ retry_after: number }>(answer)
  if (known.kind !== 'retry' || answer.status !== 429 || typeof seconds !== 'number') return known
  return { ...known, kind: 'retryAfter', afterMs: Math.min(3_600_000, Math.max(0, seconds * 1000)) }
}
