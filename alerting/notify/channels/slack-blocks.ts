import { cutText } from '../../rules/text.ts'
import { type Story, tellStory } from '../facts.ts'
import type { Notice } from '../notice.ts'
import { actionIds } from './slack-actions.ts'
import { withoutCalls } from '../text.ts'
import type { Wording } from '../channel.ts'

/** `text` is what a notification and a screen reader show; the blocks are the message. */
export interface SlackMessage {
  readonly text: string
  readonly blocks: ReadonlyArray<Readonly<Record<string, unknown>>>
}

// A section takes 3,000 characters, its fields 10 of 2,000, a whole message about 13,000.
const sectionLimit = 2900
const maxFields = 10
const colours = { info: '🔵', warning: '🟡', high: '🟠', critical: '🔴' } as const

/** Slack's three characters escaped, calls disarmed, and no backtick that would open or end a block. */
export function escapeSlack(text: string): string {
  const escaped = text.replace(/&/gu, '&amp;').replace(/</gu, '&lt;').replace(/>/gu, '&gt;')
  return withoutCalls(escaped).replaceAll('`', '\u02cb')
}

/** With buttons, for a Slack app whose requests come back to us; see docs/notifications.md. */
export function slackMessage(notice: Notice, wording: Wording, hasButtons = false): SlackMessage {
  const story = tellStory(notice, wording)
  const title = `${story.isResolved ? '✅' : colours[story.severity]} ${escapeSlack(story.title)}`
  const buttons = hasButtons ? buttonsOf(notice) : []
  return { text: title, blocks: [section(`*${title}*`), ...bodyBlocks(story), ...footer(story), ...buttons] }
}

/** One alert that fires may be taken or silenced; many at once, or what is over, may not. */
function buttonsOf({ kind, alerts: [alert], digest }: Notice): Array<Record<string, unknown>> {
  if (digest || alert.state !== 'firing' || kind === 'test') return []
  const button = (action: string, text: string) => ({
    type: 'button',
    action_id: action,
    value: alert.id,
    text: { type: 'plain_text', text },
  })
  const taken = kind === 'acked' ? [] : [{ ...button(actionIds.ack, 'Acknowledge'), style: 'primary' }]
  return [{ type: 'actions', elements: [...taken, button(actionIds.silence, 'Silence for 1 h')] }]
}

function bodyBlocks(story: Story): Array<Record<string, unknown>> {
  const blocks: Array<Record<string, unknown>> = []
  if (story.note !== undefined) blocks.push(section(`_${escapeSlack(story.note)}_`))
  if (story.description !== undefined) blocks.push(section(escapeSlack(story.description)))
  for (let index = 0; index < story.facts.length; index += maxFields) {
    const fields = story.facts
      .slice(index, index + maxFields)
      .map(({ name, value }) => mrkdwn(`*${escapeSlack(name)}*\n${escapeSlack(value)}`))
    blocks.push({ type: 'section', fields })
  }
  if (story.lines.length > 0) blocks.push(section(codeBlock(story.lines)))
  return blocks
}

/** Whole lines, as many as fit. */
function codeBlock(lines: readonly string[]): string {
  let text = ''
  for (const line of lines) {
    const next = `${escapeSlack(line)}\n`
    if (text.length + next.length > sectionLimit - 10) break
    text += next
  }
  return `\`\`\`\n${text}\`\`\``
}

function footer({ runbook, link, command }: Story): Array<Record<string, unknown>> {
  const parts = [
    ...(runbook === undefined ? [] : [`Runbook: ${linked(runbook, 'runbook')}`]),
    ...(link === undefined ? [] : [linked(link, 'Look at it')]),
    ...(command === undefined ? [] : [`\`${escapeSlack(command)}\``]),
  ]
  return parts.length === 0 ? [] : [{ type: 'context', elements: [mrkdwn(parts.join('  ·  '))] }]
}

/** Only what is a web address becomes a link. */
function linked(url: string, label: string): string {
  if (!/^https?:\/\/[^\s<>|]+$/u.test(url)) return escapeSlack(url)
  return `<${url.replace(/&/gu, '&amp;')}|${label}>`
}

function section(text: string): Record<string, unknown> {
  return { type: 'section', text: mrkdwn(text) }
}

function mrkdwn(text: string): Record<string, unknown> {
  // Verbatim: an address within the broker's text does not become a link.
  return { type: 'mrkdwn', text: cutText(text, sectionLimit), verbatim: true }
}
