import { expect, test } from 'vitest'
import { CutOffs } from '../../../forwarder/cut-offs.ts'

const event = { id: 'x' }

/** At each of the seconds: `x` another passes, `-` it does not. Answers with when the event was to blame. */
function blamedAt(story: string, everyMs: number): number[] {
  const cutOffs = new CutOffs<typeof event>()
  return story.split('').flatMap((one, index) => (cutOffs.note(event, one === 'x', index * everyMs) ? [index] : []))
}

test.each([
  ['cut off often enough over a minute, each time while another passes, it is to blame', 'xxxxx', 15_000, [4]],
  ['often within less than a minute is not long enough', 'xxxxxxxx', 5000, []],
  ['seldom over a long time is not often enough', 'xxxx', 600_000, []],
  ['while nothing passes nobody is to blame', '----------', 600_000, []],
  ['once nothing passes, all is counted anew', 'xxxx-xxxx', 60_000, []],
])('%s', (_, story, everyMs, expected) => {
  expect(blamedAt(story, everyMs)).toEqual(expected)
})
