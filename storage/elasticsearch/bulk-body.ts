import type { StoreItem } from '../storage.ts'

const newline = 0x0a
const nothing = Buffer.alloc(0)
const headEnd = Buffer.from('}}\n')

/**
 * The body of `_bulk`: the events as they travelled, each behind the line that says where it goes. Made in `spare` where
 * that is large enough.
 */
export function bulkBody(
  items: readonly StoreItem[],
  indexOf: (item: StoreItem) => string,
  spare: Buffer = nothing,
): Buffer {
  const heads = new Map<string, Buffer>()
  const values: Buffer[] = []
  let bytes = 0
  for (const item of items) {
    const index = indexOf(item)
    if (!heads.has(index)) heads.set(index, Buffer.from(`{"create":{"_index":"${index}","_id":`))
    const value = inOneLine(item.value)
    values.push(value)
    // Two quotes, and no letter of an id that takes more than six bytes: an escaped control character.
    bytes += (heads.get(index)?.length ?? 0) + 2 + item.id.length * 6 + headEnd.length + value.length + 1
  }
  // A memory of its own, not a part of Node's shared one: it is written into again.
  const body = spare.length >= bytes ? spare : Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const [number, item] of items.entries()) {
    at += heads.get(indexOf(item))?.copy(body, at) ?? 0
    at += body.write(JSON.stringify(item.id), at)
    at += headEnd.copy(body, at)
    at += values[number]?.copy(body, at) ?? 0
    body[at++] = newline
  }
  return body.subarray(0, at)
}

/** A line break between the fields, by another hand, would end the event's line: it is written anew. */
function inOneLine(value: Buffer): Buffer {
  return value.includes(newline) ? Buffer.from(JSON.stringify(JSON.parse(value.toString('utf8')))) : value
}
