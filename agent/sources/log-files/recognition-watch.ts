import { createNeedleWatch } from '../../parse/formats/needle-watch.ts'
import { needlesOf } from '../../parse/formats/needles.ts'
import type { Watch } from '../../parse/formats/pair-scan.ts'

/** A row of a catalogue: what it matches, and a text that every match contains. */
interface Row {
  readonly pattern: RegExp
  readonly hint: string
}

/** What most of a broker's log is made of. */
const usual = [
  'accepting AMQP connection <0.31774.55> (10.190.5.190:54288 -> 10.190.5.248:5672)',
  "connection <0.31774.55> (10.190.5.190:54288 -> 10.190.5.248:5672 - orders-consumer): user 'app' authenticated and granted access to vhost '/'",
  'connection <0.31774.55> (10.190.5.190:54288 -> 10.190.5.248:5672) has a client-provided name: orders-consumer',
  "closing AMQP connection <0.31774.55> (10.190.5.190:54288 -> 10.190.5.248:5672 - orders-consumer, vhost: '/', user: 'app', duration: '574ms')",
].join('\n')

/** May any row recognise a line? No is a promise: most lines are spared their decoding and all patterns. */
export function createRecognitionWatch(rows: Iterable<Row>): Watch {
  const watch = createNeedleWatch([...rows].flatMap(tellingOf), usual)
  if (!watch) throw new Error('a row of the catalogue demands no text that is long enough to look for')
  return watch
}

function tellingOf({ pattern, hint }: Row): readonly string[] {
  const needles = needlesOf(pattern)
  return needles?.every(({ length }) => length >= Math.min(5, hint.length)) === true ? needles : [hint]
}
