import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer'
import type { ThumpEvent } from '../../event/event.ts'
import { flatColumns, integerAt, textAt } from './flat-columns.ts'
import type { OpenFormat } from './row-format.ts'

/** Rows of a group lie in memory until it is full. */
const groupRows = 20_000

/** Hive and Spark want quotes around dots and signs: `amqp.operation` is the column `amqp_operation`. */
const nameOf = (path: string) => path.replace('@', '').replaceAll('.', '_')

/** Typed columns in groups of rows, compressed with Snappy. */
export const openParquet: OpenFormat = (sink) => {
  const bytes = new ByteWriter()
  const flush = async () => {
    const full = bytes.getBytes().slice()
    bytes.index = 0
    await sink(full)
  }
  const schema = schemaFromColumnData({ columnData: columnsOf([]) })
  const writer = new ParquetWriter({ writer: bytes, schema, createdBy: 'thump' })
  let waiting: ThumpEvent[] = []
  const writeGroup = async (events: readonly ThumpEvent[]) => {
    if (events.length > 0) await writer.write({ columnData: columnsOf(events), rowGroupSize: groupRows })
    await flush()
  }
  return {
    async add(events) {
      waiting.push(...events)
      while (waiting.length >= groupRows) {
        const group = waiting.slice(0, groupRows)
        waiting = waiting.slice(groupRows)
        await writeGroup(group)
      }
    },
    async finish() {
      await writeGroup(waiting)
      await writer.finish()
      await flush()
    },
  }
}

function columnsOf(events: readonly ThumpEvent[]): ColumnSource[] {
  const required = (name: string, type: 'STRING' | 'TIMESTAMP', value: (event: ThumpEvent) => string | Date) => ({
    name,
    type,
    nullable: false,
    data: events.map(value),
  })
  return [
    required('timestamp', 'TIMESTAMP', (event) => new Date(event['@timestamp'])),
    ...flatColumns.map(({ path, kind }) => ({
      name: nameOf(path),
      nullable: true,
      ...(kind === 'text'
        ? ({ type: 'STRING', data: events.map((event) => textAt(event, path)) } as const)
        : ({ type: 'INT64', data: events.map((event) => big(integerAt(event, path))) } as const)),
    })),
    required('message', 'STRING', ({ message }) => message),
    required('event', 'STRING', (event) => JSON.stringify(event)),
  ]
}

const big = (value: number | undefined) => (value === undefined ? undefined : BigInt(value))
