import type { ProducerOptions } from '../transport.ts'
import { valueAndIdOf } from './packed-run.ts'
import type { BatchItem } from './record-batch.ts'

/** The one record that the item is, with what `shorten` makes of its value; undefined where that is nothing shorter. */
export function shortenItem(item: BatchItem, shorten: NonNullable<ProducerOptions['shorten']>): BatchItem | undefined {
  if (!('pack' in item)) {
    const value = shorten(item.value)
    return value && value.length < item.value.length ? { ...item, value } : undefined
  }
  const { pack, from } = item
  const { value, id } = valueAndIdOf(item)
  const shorter = shorten(value)
  if (!shorter || shorter.length >= value.length) return undefined
  const bytes = Buffer.concat([shorter, id])
  const bounds = Uint32Array.of(shorter.length, bytes.length)
  return {
    ...item,
    from: 0,
    to: 1,
    pack: { ...pack, bytes, start: 0, bounds, timesMs: pack.timesMs.slice(from, from + 1) },
  }
}
