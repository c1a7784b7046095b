import { searchDays } from './stores.ts'

/** A process of its own that only asks: its start and its memory are what a user's would be. */
const [dir = '', events = '0', days = '1'] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await searchDays(dir, { events: Number(events), days: Number(days) })))
