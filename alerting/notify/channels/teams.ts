import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { Channel, Wording } from '../channel.ts'
import { type Story, tellStory } from '../facts.ts'
import { jsonChannel } from '../json-post.ts'
import type { Notice } from '../notice.ts'
import { required } from '../required.ts'
import { escapeMarkdown } from '../text.ts'

type TeamsConfig = Extract<ChannelConfig, { type: 'teams' }>

// A Workflows webhook takes 28 KB: what is longer loses its last lines first.
const maxBytes = 27_000
const colours = { info: 'Accent', warning: 'Warning', high: 'Warning', critical: 'Attention' } as const

/** An Adaptive Card to a Workflows webhook. */
export function openTeams(name: string, config: TeamsConfig, wording: Wording): Channel {
  const url = required(config.webhookUrl, name, 'webhookUrl').reveal()
  return jsonChannel(config, (notice) => ({ url, body: teamsMessage(notice, wording) }))
}

export function teamsMessage(notice: Notice, wording: Wording): Record<string, unknown> {
  const story = tellStory(notice, wording)
  for (let lines = story.lines.length; ; lines--) {
    const message = cardMessage({ ...story, lines: story.lines.slice(0, lines) })
    if (lines === 0 || Buffer.byteLength(JSON.stringify(message)) <= maxBytes) return message
  }
}

function cardMessage(story: Story): Record<string, unknown> {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    msteams: { width: 'Full' },
    body: [
      {
        ...textBlock(story.title),
        size: 'Large',
        weight: 'Bolder',
        color: story.isResolved ? 'Good' : colours[story.severity],
      },
      ...(story.note === undefined ? [] : [{ ...textBlock(story.note), isSubtle: true }]),
      ...(story.description === undefined ? [] : [textBlock(story.description)]),
      {
        type: 'FactSet',
        facts: story.facts.map(({ name, value }) => ({ title: escapeMarkdown(name), value: escapeMarkdown(value) })),
      },
      ...story.lines.map((line) => ({ ...textBlock(line), fontType: 'Monospace', size: 'Small', spacing: 'None' })),
      ...(story.command === undefined ? [] : [{ ...textBlock(`Look: ${story.command}`), isSubtle: true }]),
    ],
    actions: [
      ...(story.link === undefined ? [] : [openUrl('Look at it', story.link)]),
      ...(story.runbook !== undefined && /^https?:\/\//u.test(story.runbook)
        ? [openUrl('Runbook', story.runbook)]
        : []),
    ],
  }
  const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }
  return { type: 'message', attachments: [attachment] }
}

function textBlock(text: string): Record<string, unknown> {
  return { type: 'TextBlock', text: escapeMarkdown(text), wrap: true }
}

function openUrl(title: string, url: string): Record<string, unknown> {
  return { type: 'Action.OpenUrl', title, url }
}
