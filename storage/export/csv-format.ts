import { stringify } from 'csv-stringify/sync'
import type { ThumpEvent } from '../../event/event.ts'
import { flatColumns, textAt } from './flat-columns.ts'
import type { OpenFormat } from './row-format.ts'

const header = ['@timestamp', ...flatColumns.map(({ path }) => path), 'message', 'event']

/**
 * Names and messages are strangers' words: what a spreadsheet would run as a formula gets an apostrophe before it. Any line
 * end within a cell needs quotes, not only the one that ends rows.
 */
const options = { escape_formulas: true, record_delimiter: 'windows', quoted_match: /[\r\n]/ } as const

/** RFC 4180 for spreadsheets, in UTF-8 with the mark without which they take Korean for something else. */
export const openCsv: OpenFormat = (sink) => {
  let isBegun = false
  const begin = async () => {
    if (isBegun) return
    isBegun = true
    await sink(Buffer.from(`\ufeff${stringify([header], { record_delimiter: 'windows' })}`))
  }
  return {
    async add(events) {
      await begin()
      await sink(Buffer.from(stringify(events.map(rowOf), options)))
    },
    finish: begin,
  }
}

function rowOf(event: ThumpEvent): Array<string | undefined> {
  const fields = flatColumns.map(({ path }) => textAt(event, path))
  return [event['@timestamp'], ...fields, event.message, JSON.stringify(event)]
}
