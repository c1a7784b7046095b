import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { backtest } from '../../alerting/backtest/backtest.ts'
import { fromFiles } from '../../alerting/backtest/recorded.ts'
import { readRuleFiles } from '../../alerting/rule-files.ts'
import { compileCondition } from '../../alerting/rules/predicate.ts'
import type { Rule } from '../../alerting/rules/rule.ts'
import type { BenchTable } from './bench.ts'

const untilMs = Date.parse('2026-11-27T00:00:00Z')
/** Ten million a week. */
const apartMs = (7 * 86_400_000) / 10_000_000

/** A busy broker: six log lines, three operations and a measurement of ten; one in a thousand is news. */
function line(index: number, count: number): string {
  const at = new Date(untilMs - Math.floor((count - index) * apartMs)).toISOString()
  const head = `{"@timestamp":"${at}","event":{"id":"agent-gen-${index.toString(36)}","dataset":`
  const tail = `"service":{"type":"rabbitmq","name":"orders","node":{"name":"rabbit@mq${index % 3}"}},"agent":{"id":"a1","version":"0.1.0"}`
  const kind = index % 10
  const isNews = index % 1000 === 7
  if (kind < 6)
    return `${head}"rabbitmq.log","sequence":${index}${isNews ? ',"code":"connection-closed-abruptly"' : ''}},"message":"accepting AMQP connection 10.0.0.${index % 200}:41060 -> 10.0.0.1:5672","log":{"level":"info"},${tail}}\n`
  if (kind < 9)
    return `${head}"rabbitmq.event","action":"${isNews ? 'queue.deleted' : 'connection.created'}"},"message":"connection opened","amqp":{"operation":"${isNews ? 'queue.delete' : 'connection.open'}"},"user":{"name":"app"},"source":{"ip":"10.0.0.${index % 200}"},"rabbitmq":{"vhost":"/","queue":"q${index % 97}"},${tail}}\n`
  return `${head}"rabbitmq.node","action":"node.sampled"},"message":"resources","rabbitmq":{"node":{"mem_used_bytes":${400 + (index % 100)},"mem_limit_bytes":1000,"fd_used":100,"fd_total":1000,"disk_free_bytes":900,"disk_free_limit_bytes":50,"partitions":0}},${tail}}\n`
}

async function write(path: string, count: number): Promise<void> {
  const out = createWriteStream(path)
  for (let from = 0; from < count; from += 5000) {
    let chunk = ''
    for (let index = from; index < Math.min(count, from + 5000); index++) chunk += line(index, count)
    if (!out.write(chunk)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
}

/** What anybody would write first: parse each line, ask every rule. No window is kept. */
async function naive(
  path: string,
  rules: readonly Rule[],
  limit: number,
): Promise<{ events: number; seconds: number }> {
  const predicates = rules.map(({ where }) => compileCondition(where))
  const started = performance.now()
  let events = 0
  let hits = 0
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const event: unknown = JSON.parse(text)
    for (const predicate of predicates) if (predicate(event)) hits++
    if (++events >= limit) break
  }
  if (hits < 0) throw new Error('never')
  return { events, seconds: (performance.now() - started) / 1000 }
}

/** The shipped rules over events as dense as ten million a week, from a file to the report; the argument is how many (1,000,000). */
export default async function bench([size = '1000000']: readonly string[]): Promise<BenchTable> {
  const count = Number(size)
  const dir = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  try {
    const path = join(dir, 'week.ndjson')
    await write(path, count)
    const pack = join(import.meta.dirname, '../../deploy/rules/*.yaml')
    const rules = readRuleFiles({ rules: [pack], allowedLateness: 30_000 })
      .files.flatMap(({ parsed }) => parsed.rules)
      .filter(({ stage }) => stage !== 'off')
    const started = performance.now()
    const cpu = process.cpuUsage()
    const result = await backtest({
      rules,
      recording: fromFiles([path]),
      nowMs: untilMs,
      timezone: 'Asia/Seoul',
      allowedLatenessMs: 30_000,
    })
    const seconds = (performance.now() - started) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const plain = await naive(path, rules, Math.min(count, 200_000))
    const perSecond = result.events / seconds
    return {
      title: `backtest of ${rules.length} rules over ${count} events (${Math.round(statSync(path).size / count)} B each)`,
      rows: [
        {
          seconds,
          'events/s': perSecond,
          'events/CPU-s': result.events / ((user + system) / 1_000_000),
          firings: result.rules.reduce((sum, { firings }) => sum + firings, 0),
          'peak RSS MB': process.resourceUsage().maxRSS / 1024,
          'loop over all rules, events/s': plain.events / plain.seconds,
          ratio: perSecond / (plain.events / plain.seconds),
          '10 million in, s': 10_000_000 / perSecond,
        },
      ],
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
