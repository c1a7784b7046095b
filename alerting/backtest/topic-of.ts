import type { TopicName } from '../../event/topics.ts'

const byDataset: Readonly<Record<string, TopicName>> = {
  'rabbitmq.event': 'AMQP',
  'rabbitmq.trace': 'AMQP',
  'rabbitmq.attribution': 'AMQP',
  'rabbitmq.node': 'METRIC',
  'rabbitmq.queue': 'METRIC',
  'rabbitmq.overview': 'METRIC',
  'thump.agent': 'THUMP',
  'thump.alert': 'THUMP',
  'thump.audit': 'THUMP',
}

/** The topic an event travelled on, by its dataset: storage and exports do not keep it. A dataset of an input's own is APP. */
export function topicOf(dataset: unknown): TopicName {
  return typeof dataset === 'string' && Object.hasOwn(byDataset, dataset) ? (byDataset[dataset] as TopicName) : 'APP'
}

const eventKey = Buffer.from('"event":{')
const datasetKey = Buffer.from('"dataset":"')
const quote = 34
const closing = 125

/** The same from a line of JSON, without parsing it where the product wrote it: most lines of an export are. */
export function topicOfLine(line: Buffer): TopicName {
  const object = line.indexOf(eventKey)
  const from = object < 0 ? -1 : line.indexOf(datasetKey, object + eventKey.length)
  if (from >= 0) {
    const start = from + datasetKey.length
    const end = line.indexOf(quote, start)
    // Beyond the object's end it would be somebody else's dataset.
    const isInside = !line.subarray(object + eventKey.length, from).includes(closing)
    if (isInside && end > start) return topicOf(line.toString('latin1', start, end))
  }
  return topicOf(parsedDataset(line))
}

function parsedDataset(line: Buffer): unknown {
  try {
    const parsed = JSON.parse(line.toString()) as { event?: { dataset?: unknown }; 'event.dataset'?: unknown } | null
    return parsed?.event?.dataset ?? parsed?.['event.dataset']
  } catch {
    return undefined
  }
}
