import type { Condition, Test } from '../../../../alerting/rules/condition.ts'

/**
 * What `where` means, slowly: the event as a list of paths and values, each test asked of every one of them. Shares
 * nothing with the engine but the parsed condition.
 */
export function satisfies(condition: Condition, event: unknown): boolean {
  switch (condition.kind) {
    case 'all':
      return condition.parts.every((part) => satisfies(part, event))
    case 'any':
      return condition.parts.some((part) => satisfies(part, event))
    case 'not':
      return !satisfies(condition.part, event)
    case 'test': {
      const values = valuesAt(event, condition.path.join('.'))
      if (condition.operator === 'exists') return values.length > 0 === condition.values[0]
      return values.some((value) => condition.values.some((wanted) => isMet(condition, value, wanted)))
    }
  }
}

/** All that stands at a path, in order: `{a: {'b.c': [1]}}` holds 1 at `a.b.c`. */
export function valuesAt(event: unknown, path: string): unknown[] {
  const found: unknown[] = []
  const walk = (node: unknown, at: string) => {
    if (node === null) return
    if (Array.isArray(node)) node.forEach((item) => walk(item, at))
    else {
      if (at === path) found.push(node)
      if (typeof node === 'object')
        for (const [name, item] of Object.entries(node as object)) walk(item, at === '' ? name : `${at}.${name}`)
    }
  }
  walk(event, '')
  return found
}

function isMet({ operator, isCased }: Test, value: unknown, wanted: string | number | boolean): boolean {
  const like = (before: string, after: string) =>
    typeof value === 'string' &&
    typeof wanted === 'string' &&
    new RegExp(`${before}${escaped(plain(wanted))}${after}`, isCased ? 'us' : 'ius').test(plain(value))
  switch (operator) {
    case 'is':
    case 'in':
      return typeof wanted === 'string' ? like('^', '$') : value === wanted
    case 'contains':
    case 'keywordsFile':
      return like('', '')
    case 'starts':
      return like('^', '')
    case 'ends':
      return like('', '$')
    case 'regex':
      return typeof value === 'string' && new RegExp(String(wanted), isCased ? 'u' : 'iu').test(plain(value))
    case 'gt':
      return typeof value === 'number' && value > Number(wanted)
    case 'gte':
      return typeof value === 'number' && value >= Number(wanted)
    case 'lt':
      return typeof value === 'number' && value < Number(wanted)
    case 'lte':
      return typeof value === 'number' && value <= Number(wanted)
    case 'cidr':
      return typeof value === 'string' && bitsOf(plain(value))?.startsWith(network(String(wanted))) === true
    case 'exists':
      return false
  }
}

function plain(text: string): string {
  return text.replace(/^::ffff:(\d+\.\d+\.\d+\.\d+)$/i, '$1').normalize('NFC')
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
}

/** An IPv4 address as 32 zeros and ones. */
function bitsOf(address: string): string | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number)
  return parts?.every((part) => part < 256)
    ? parts.map((part) => part.toString(2).padStart(8, '0')).join('')
    : undefined
}

function network(text: string): string {
  const [address = '', length = '32'] = text.split('/')
  return (bitsOf(address) ?? 'no').slice(0, Number(length))
}
