import { type Story, tellStory } from '../facts.ts'
import type { Notice } from '../notice.ts'
import { storyText } from '../story-text.ts'
import { escapeHtml } from '../text.ts'
import type { Wording } from '../channel.ts'

export interface MailText {
  readonly subject: string
  readonly text: string
  readonly html: string
}

const colours = { info: '#1d6fb8', warning: '#b58900', high: '#cb4b16', critical: '#c4161c' } as const

/** One message as a mail: the subject is one line, the text and the page say the same. */
export function mailText(notice: Notice, wording: Wording): MailText {
  const story = tellStory(notice, wording)
  return { subject: `[Thump] ${story.title}`, text: storyText(story), html: asHtml(story) }
}

function asHtml(story: Story): string {
  const colour = story.isResolved ? '#2e7d32' : colours[story.severity]
  const rows = story.facts.map(
    ({ name, value }) =>
      `<tr><td style="padding:2px 12px 2px 0;color:#666;white-space:nowrap;vertical-align:top">${escapeHtml(name)}</td>` +
      `<td style="padding:2px 0;word-break:break-word">${escapeHtml(value)}</td></tr>`,
  )
  return [
    '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>',
    '<body style="margin:0;padding:16px;background:#f4f4f4;font:14px/1.5 -apple-system,Segoe UI,Roboto,Noto Sans KR,sans-serif;color:#222">',
    `<div style="max-width:720px;margin:auto;background:#fff;border-top:4px solid ${colour};padding:16px 20px">`,
    `<h1 style="margin:0 0 8px;font-size:18px;color:${colour};word-break:break-word">${escapeHtml(story.title)}</h1>`,
    story.note === undefined ? '' : `<p style="margin:0 0 8px;color:#666">${escapeHtml(story.note)}</p>`,
    story.description === undefined
      ? ''
      : `<p style="margin:0 0 12px;white-space:pre-line">${escapeHtml(story.description)}</p>`,
    `<table style="border-collapse:collapse;font-size:14px">${rows.join('')}</table>`,
    story.lines.length === 0
      ? ''
      : `<pre style="margin:12px 0 0;padding:10px;background:#f7f7f7;font-size:12px;white-space:pre-wrap;word-break:break-word">${escapeHtml(story.lines.join('\n'))}</pre>`,
    story.runbook === undefined
      ? ''
      : `<p style="margin:12px 0 0">Runbook: ${anchor(story.runbook, story.runbook)}</p>`,
    story.link === undefined ? '' : `<p style="margin:12px 0 0">${anchor(story.link, 'Open in Thump')}</p>`,
    '</div></body></html>',
  ].join('')
}

function anchor(url: string, label: string): string {
  if (!/^https?:\/\/\S+$/u.test(url)) return escapeHtml(label)
  return `<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`
}
