import type { StoreItem } from '../storage.ts'

const newline = 0x0a
const nothing = Buffer.alloc(0)

/**
 * The body of `_bulk`: the events as they travelled, each behind the line that says where it goes. Made in `spare` where
 * that is large enough.
 */
export function bulkBody(
  items: readonly StoreItem[],
  indexOf: (item: StoreItem) => string,
  spare: Buffer = nothing,
): Buffer {
  let bytes = 0
  const lines = items.map((item) => {
    const head = `{"create":{"_index":"${indexOf(item)}","_id":${JSON.stringify(item.id)}}}\n`
    const value = inOneLine(item.value)
    // No letter of the head takes more than three bytes of UTF-8.
    bytes += head.length * 3 + value.length + 1
    return { head, value }
  })
  // A memory of its own, not a part of Node's shared one: it is written into again.
  const body = spare.length >= bytes ? spare : Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const { head, value } of lines) {
    at += body.write(head, at)
    at += value.copy(body, at)
    body[at++] = newline
  }
  return body.subarray(0, at)
}

/** A line break between the fields, by another hand, would end the event's line: it is written anew. */
function inOneLine(value: Buffer): Buffer {
  return value.includes(newline) ? Buffer.from(JSON.stringify(JSON.parse(value.toString('utf8')))) : value
}
