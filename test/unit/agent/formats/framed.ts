import { type Format, type FramerLimits, Framer, initialFamily } from '../../../../agent/parse/formats/framing.ts'

/** A record as the framer gave it, out of the reused object. */
export interface Record {
  readonly kind: string
  readonly text: string
  readonly flags: string
}

const limits: FramerLimits = { maxLines: 500, maxBytes: 1 << 20, maxLineBytes: 1 << 20 }

/** A framer that keeps what it gives. */
export function collecting(format: Format = 'auto', over: Partial<FramerLimits> = {}) {
  const records: Record[] = []
  const framer = new Framer(initialFamily(format), { ...limits, ...over }, (framed) => {
    const lines: string[] = []
    for (let index = 0; index < framed.texts.length; index += 2)
      lines.push(framed.bytes.toString('utf8', framed.texts[index], framed.texts[index + 1]))
    const flags = [framed.isPartial && 'partial', framed.isContinued && 'continued', framed.isTruncated && 'truncated']
    records.push({ kind: framed.kind, text: lines.join('\n'), flags: flags.filter(Boolean).join(' ') })
  })
  return { framer, records }
}

/** The texts of all records in a whole file at rest. */
export function textsOf(file: string | Buffer, format: Format = 'auto', over: Partial<FramerLimits> = {}): string[] {
  const { framer, records } = collecting(format, over)
  const bytes = Buffer.from(file)
  framer.frame(bytes, 0, bytes.length, true)
  return records.map(({ text }) => text)
}
