import type { ThumpEvent } from '../../event/event.ts'
import { thump } from '../servers/run-thump.ts'
import type { Installation } from './installation.ts'

/** Stored events, as a user finds them: `thump events QUERY --output json`. */
export async function found({ config }: Installation, query: string): Promise<ThumpEvent[]> {
  const { code, stdout, stderr } = await thump(
    ['events', query, '--since', '1d', '--limit', '5000', '--output', 'json', '--log-level', 'error'],
    { config },
  )
  if (code !== 0) throw new Error(`thump events ended with ${code}: ${stderr}`)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ThumpEvent)
}
