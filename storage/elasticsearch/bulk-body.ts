import type { StoreItem } from '../storage.ts'

const newline = 0x0a

/** The body of `_bulk`: the events as they travelled, each behind the line that says where it goes. */
export function bulkBody(items: readonly StoreItem[], indexOf: (item: StoreItem) => string): Buffer {
  const parts: Buffer[] = []
  const separator = Buffer.from('\n')
  for (const item of items) {
    parts.push(Buffer.from(`{"create":{"_index":"${indexOf(item)}","_id":${JSON.stringify(item.id)}}}\n`))
    // A line break within a value would end the line: written by another hand, it is written anew.
    parts.push(item.value.includes(newline) ? Buffer.from(JSON.stringify(item.event)) : item.value, separator)
  }
  return Buffer.concat(parts)
}
