import { signs } from './signs.ts'
import type { SignedDetector, Span } from './detector.ts'

const isLocal = (code: number) =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || localMarks.has(code)
const localMarks = new Set(Array.from('._%+-', (mark) => mark.charCodeAt(0)))
const domain = /[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}(?![A-Za-z0-9-])/y

/** Nodes and our own connections are named like addresses: `rabbit@mq1.example.com` is a machine, and its name is needed. */
export const machineName = /^(?:rabbit[\w-]*|thump-agent)$/i

/** Mail addresses. Looked for from each `@` outwards: linear, whatever the text. */
export const emails: SignedDetector = {
  name: 'emails',
  sign: signs.address,
  find(text, _digits, standIn) {
    const spans: Span[] = []
    for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
      let start = at
      while (start > 0 && at - start < 64 && isLocal(text.charCodeAt(start - 1))) start--
      if (start === at) continue
      domain.lastIndex = at + 1
      const found = domain.exec(text)
      if (!found) continue
      // A URI's user is no mailbox.
      if (machineName.test(text.slice(start, at))) continue
      if (text.slice(Math.max(0, start - 3), start) === '://') continue
      const end = at + 1 + found[0].length
      spans.push({ start, end, replace: standIn('emails', text.slice(start, end).toLowerCase()) })
    }
    return spans
  },
}
