import type { Emitted } from '../../../event/encode.ts'
import type { ThumpEvent } from '../../../event/event.ts'
import { shortenEvent } from '../../../event/shorten-event.ts'
import type { RecordPacker } from '../../pack/record-packer.ts'
import { maxEventBytes } from './line-writer.ts'

/** Packs events that were made as objects. */
export class EventPacker {
  #knownIso = ''
  #knownMs = 0

  /** `timeMs` where it is known: what is derived from a line has the line's time. Returns the value's bytes. */
  knowTime(iso: string, timeMs: number): void {
    this.#knownIso = iso
    this.#knownMs = timeMs
  }

  /** Returns the value's bytes. */
  pack(packer: RecordPacker, { topic, key, event }: Emitted): number {
    const json = jsonWithin(event)
    const { id } = event.event
    const { out } = packer
    packer.begin(topic, key, 3 * (json.length + id.length))
    const start = out.at
    out.text(json)
    const valueEnd = out.at
    out.text(id)
    packer.add(valueEnd, this.#msOf(event['@timestamp']))
    return valueEnd - start
  }

  #msOf(iso: string): number {
    if (iso !== this.#knownIso) this.knowTime(iso, Date.parse(iso))
    return this.#knownMs
  }
}

function jsonWithin(event: ThumpEvent): string {
  const json = JSON.stringify(event)
  const isLarge = json.length > maxEventBytes / 3 && Buffer.byteLength(json) > maxEventBytes
  return isLarge ? shortened(json) : json
}

function shortened(json: string): string {
  let value: Buffer | undefined = Buffer.from(json)
  while (value !== undefined && value.length > maxEventBytes) value = shortenEvent(value)
  // What cannot be shorter still is the transport's to refuse.
  return value?.toString() ?? json
}
