import { parseTerm } from './term.ts'

/** `{127,0,0,1}`, an eight-part tuple of IPv6, or text that is an address already; undefined for anything else. */
export function parseAddress(text: unknown): string | undefined {
  if (typeof text !== 'string' || text === '') return undefined
  if (/^[\d.]+$|^[\da-f:]*:[\da-f:.]+$/i.test(text)) return unmapped(text)
  const parts = parseTerm(text)
  if (!Array.isArray(parts) || !parts.every((part) => Number.isInteger(part))) return undefined
  if (parts.length === 4) return parts.join('.')
  if (parts.length !== 8) return undefined
  const [, , , , , mark, high, low] = parts as number[]
  if (mark === 0xffff && parts.slice(0, 5).every((part) => part === 0) && high !== undefined && low !== undefined)
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  return compressed((parts as number[]).map((part) => part.toString(16)))
}

/** A client on a dual-stack listener: the same host must have one name in all sources. */
function unmapped(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}

function compressed(groups: readonly string[]): string {
  const text = groups.join(':')
  const zeros = [...text.matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length)[0]
  if (!zeros) return text
  const before = text.slice(0, zeros.index).replace(/:$/, '')
  const after = text.slice(zeros.index + zeros[0].length).replace(/^:/, '')
  return `${before}::${after}`
}

/** The node of a distributed pid, `<rabbit@host.1.2.3>`. */
export function nodeOfPid(pid: unknown): string | undefined {
  return typeof pid === 'string' ? /^<(.+@.+)\.\d+\.\d+\.\d+>$/.exec(pid)?.[1] : undefined
}
