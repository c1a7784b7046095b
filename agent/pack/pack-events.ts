import type { Emitted } from '../../event/encode.ts'
import type { Packed, RecordPacker } from './record-packer.ts'

/** Beyond it an event goes as a record of its own, whose size the producer looks at. */
const maxTextLength = 1_000_000

/**
 * The events as packs: their JSON goes straight to where the batch is made from, without an object, a buffer and two
 * headers a record. Undefined where one is too large to be packed; then nothing is.
 */
export function packEvents(events: readonly Emitted[], packer: RecordPacker): Packed | undefined {
  const texts = events.map(({ event }) => JSON.stringify(event))
  if (texts.some(({ length }) => length > maxTextLength)) return undefined
  const { out } = packer
  let [iso, timeMs] = ['', 0]
  for (const [index, { topic, key, event }] of events.entries()) {
    const text = texts[index] as string
    const { id } = event.event
    packer.begin(topic, key, 3 * (text.length + id.length))
    out.text(text)
    const valueEnd = out.at
    out.text(id)
    // Neighbours often share their time.
    if (event['@timestamp'] !== iso) {
      iso = event['@timestamp']
      timeMs = Date.parse(iso)
    }
    packer.add(valueEnd, timeMs)
  }
  return packer.take()
}
