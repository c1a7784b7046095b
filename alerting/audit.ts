import { encodeEvent } from '../event/encode.ts'
import type { ThumpEvent } from '../event/event.ts'
import { uniqueEventId } from '../event/ids.ts'
import type { Clock } from '../runtime/clock.ts'
import { formatProblem } from '../runtime/errors.ts'
import { version } from '../runtime/version.ts'
import type { EncodedRecord } from '../event/encode.ts'
import type { ActiveFile } from './rule-set.ts'

/** What a reload did, file by file, as events of `thump.audit`; `before` tells which were bad already. */
export function reloadEvents(files: readonly ActiveFile[], before: readonly ActiveFile[], now: Clock): EncodedRecord[] {
  const wasStale = new Set(before.filter(({ isStale }) => isStale).map(({ path }) => path))
  const oldText = new Map(before.map(({ path, text }) => [path, text]))
  const events: ThumpEvent[] = []
  for (const { path, isStale, problems, rules, text } of files) {
    const [first] = problems.filter(({ severity }) => severity === 'error')
    if (isStale) events.push(auditEvent(now, 'rules.rejected', path, first ? formatProblem(first) : 'it has errors'))
    else if (wasStale.has(path) || oldText.get(path) !== text)
      events.push(auditEvent(now, 'rules.accepted', path, `${rules.length} rules`))
  }
  const left = new Set(files.map(({ path }) => path))
  for (const { path } of before)
    if (!left.has(path)) events.push(auditEvent(now, 'rules.accepted', path, 'the file is gone, and its rules'))
  return events.map((event) => encodeEvent({ topic: 'THUMP', key: 'alerting/rules', event }))
}

function auditEvent(now: Clock, action: string, file: string, text: string): ThumpEvent {
  return {
    '@timestamp': new Date(now()).toISOString(),
    event: { id: uniqueEventId(), dataset: 'thump.audit', action },
    message: `${action === 'rules.rejected' ? 'rule file refused' : 'rule file taken'}: ${file}: ${text}`,
    service: { type: 'thump' },
    agent: { id: 'alerting', version },
    thump: { rules: { file, problem: text } },
  }
}
