import type { OpenFormat } from './row-format.ts'

/** One event a line, whole, as it was stored. */
export const openNdjson: OpenFormat = (sink) => ({
  add: (events) => sink(Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''))),
  finish: () => Promise.resolve(),
})
