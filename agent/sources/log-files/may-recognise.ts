import { needlesOf } from '../../parse/formats/needles.ts'
import { createScan } from '../../parse/formats/scan.ts'

/** A row of a catalogue: what it matches, and a text that every match contains. */
interface Row {
  readonly pattern: RegExp
  readonly hint: string
}

/** May any row recognise a line? False is a promise: most lines are spared their decoding and all patterns. */
export function createMayRecognise(rows: Iterable<Row>): (bytes: Uint8Array, start: number, end: number) => boolean {
  return createScan([...rows].flatMap(tellingOf))
}

function tellingOf({ pattern, hint }: Row): readonly string[] {
  const needles = needlesOf(pattern)
  return needles?.every(({ length }) => length >= Math.min(5, hint.length)) === true ? needles : [hint]
}
