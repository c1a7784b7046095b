import type { Story } from '../facts.ts'
import { escapeHtml } from '../text.ts'

const colours = { info: '#1d6fb8', warning: '#9a6b00', high: '#c2410c', critical: '#b91c1c' } as const
const resolvedColour = '#15803d'
const font =
  '-apple-system,BlinkMacSystemFont,Segoe UI,Roboto,Apple SD Gothic Neo,Malgun Gothic,Noto Sans KR,sans-serif'
const mono = 'ui-monospace,SFMono-Regular,Menlo,Consolas,D2Coding,monospace'

/** Read at night and on a telephone: dark where the reader's device is, and wide where it is not. */
const style = [
  'body{margin:0;padding:0;background:#f3f4f6}',
  '.card{background:#ffffff;color:#1f2937}.dim{color:#6b7280}.box{background:#f3f4f6;color:#1f2937}',
  '.plain{border:1px solid #d1d5db;color:#1f2937}',
  '@media (prefers-color-scheme:dark){body,.page{background:#0b0f14!important}.card{background:#151b23!important;color:#e5e7eb!important}',
  '.dim{color:#9ca3af!important}.box{background:#0b0f14!important;color:#e5e7eb!important}.plain{border-color:#374151!important;color:#e5e7eb!important}}',
  '@media (max-width:480px){.name{width:76px!important}.pad{padding-left:16px!important;padding-right:16px!important}}',
].join('')

/** The page of one mail. Everything from outside is escaped; nothing is loaded from anywhere. */
export function mailPage(story: Story): string {
  const colour = story.isResolved ? resolvedColour : colours[story.severity]
  const { word, sentence } = splitTitle(story.title)
  return [
    '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
    `<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>${escapeHtml(story.title)}</title>`,
    `<style>${style}</style></head><body class="page" style="font:15px/1.5 ${font}">`,
    // What a list of mails shows beside the subject.
    `<div style="display:none;max-height:0;overflow:hidden">${escapeHtml(preheader(story))}</div>`,
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:16px 8px">',
    '<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;border-radius:6px;overflow:hidden">',
    row(
      `<div style="font-size:12px;font-weight:700;letter-spacing:.06em">${escapeHtml(word)}</div>` +
        `<div style="font-size:19px;font-weight:600;line-height:1.35;word-break:break-word;overflow-wrap:anywhere">${escapeHtml(sentence)}</div>`,
      `background:${colour};color:#ffffff;padding:14px 24px 16px`,
    ),
    story.note === undefined ? '' : row(`<div class="dim">${escapeHtml(story.note)}</div>`, 'padding:14px 24px 0'),
    row(factTable(story), 'padding:14px 24px 0'),
    story.description === undefined
      ? ''
      : row(
          `<div style="white-space:pre-line;word-break:break-word;overflow-wrap:anywhere">${escapeHtml(story.description)}</div>`,
          'padding:14px 24px 0',
        ),
    actions(story, colour),
    eventBox(story),
    story.command === undefined
      ? ''
      : row(
          `<div class="dim" style="font-size:12px">Look at it: <span style="font-family:${mono}">${escapeHtml(story.command)}</span></div>`,
          'padding:14px 24px 0',
        ),
    row('', 'padding:10px 0'),
    '</table></td></tr></table></body></html>',
  ].join('')
}

function row(content: string, css: string): string {
  return `<tr><td class="pad" style="${css}">${content}</td></tr>`
}

/** `CRITICAL` and what it is about. */
function splitTitle(title: string): { word: string; sentence: string } {
  const found = /^((?:TEST )?[A-Z]+(?: \([a-z ]+\))?) (.+)$/su.exec(title)
  return { word: found?.[1] ?? '', sentence: found?.[2] ?? title }
}

function preheader({ facts, note }: Story): string {
  const wanted = ['who', 'resolved', 'since', 'node', 'vhost']
  const found = wanted.flatMap((name) => facts.find((fact) => fact.name === name) ?? [])
  return [...(note === undefined ? [] : [note]), ...found.map(({ name, value }) => `${name}: ${value}`)].join(' · ')
}

function factTable({ facts }: Story): string {
  const rows = facts.map(
    ({ name, value }) =>
      `<tr><td class="dim name" width="96" valign="top" style="padding:2px 12px 2px 0">${escapeHtml(name)}</td>` +
      `<td valign="top" style="padding:2px 0;word-break:break-word;overflow-wrap:anywhere">${escapeHtml(value)}</td></tr>`,
  )
  return `<table role="presentation" cellpadding="0" cellspacing="0" width="100%">${rows.join('')}</table>`
}

/** What to do is a button one can hit with a thumb. */
function actions({ runbook, link }: Story, colour: string): string {
  const base = 'display:inline-block;padding:9px 16px;border-radius:5px;text-decoration:none;font-weight:600'
  const buttons = [
    ...(link === undefined ? [] : [button(link, 'Look at it', `${base};background:${colour};color:#ffffff`, '')]),
    ...(runbook === undefined ? [] : [button(runbook, 'Runbook', base, 'plain')]),
  ]
  return buttons.length === 0 ? '' : row(buttons.join(' &nbsp; '), 'padding:18px 24px 0')
}

/** Only what is a web address becomes a link; any other text of a runbook is shown as it is. */
function button(url: string, label: string, css: string, name: string): string {
  if (!/^https?:\/\/\S+$/u.test(url)) return `${label}: ${escapeHtml(url)}`
  return `<a class="${name}" href="${escapeHtml(url)}" style="${css}">${label}</a>`
}

function eventBox({ lines }: Story): string {
  if (lines.length === 0) return ''
  const texts = lines.map(
    (line) => `<div style="padding:2px 0;word-break:break-word;overflow-wrap:anywhere">${escapeHtml(line)}</div>`,
  )
  return row(
    `<div class="dim" style="font-size:12px;padding-bottom:4px">Last events</div>` +
      `<div class="box" style="padding:8px 12px;border-radius:5px;font:12px/1.5 ${mono}">${texts.join('')}</div>`,
    'padding:18px 24px 0',
  )
}
