import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { Transition } from '../../../alerting/transition.ts'
import { parseDuration } from '../../../runtime/config/units.ts'
import type { Answer, HttpReceiver, RecordedRequest } from '../../servers/http-receiver.ts'
import { type Alerter, bodyOf, httpReceiver, startAlerter } from './harness.ts'

type Pushed = Omit<Transition, 'seq'>

/** What happens at an instant of the timeline. */
export type Step =
  | { readonly at: string; readonly push: readonly Pushed[] }
  /** From now on the receiver answers so. */
  | { readonly at: string; readonly answer: readonly [receiver: string, Answer] }
  /** The next requests are answered so, one each. */
  | { readonly at: string; readonly script: readonly [receiver: string, ...Answer[]] }
  | { readonly at: string; readonly restart: true }
  | { readonly at: string; readonly ack: string }
  /** The wall clock is set; the monotonic one goes on. */
  | { readonly at: string; readonly clockBy: string }

/** A message a receiver must have accepted within [from, to]; `what` as in `storyOf`. */
export type Want = readonly [receiver: string, what: string, from: string, to: string]

export interface Timeline {
  readonly receivers: readonly string[]
  readonly config: (urls: Readonly<Record<string, string>>) => object
  readonly steps: readonly Step[]
  readonly until: string
  /** How finely time passes. */
  readonly every?: string
  /** Complete: what is accepted and not listed is a failure. */
  readonly want: readonly Want[]
}

/** A message that was sent: when, what, and how it was answered. */
export interface Sent {
  readonly receiver: string
  readonly what: string
  readonly atMs: number
  readonly status: number | 'reset' | 'hang'
}

export const start = Date.UTC(2026, 10, 24, 3, 0, 0)

/**
 * Plays a timeline with the real notifier over a database on disk and real HTTP, on clocks that stand still while anything
 * is under way: each instant is over before the next begins. Answers every request that was made.
 */
export async function play({
  receivers,
  config,
  steps,
  until,
  every = '1s',
  want,
}: Timeline): Promise<readonly Sent[]> {
  const stage = await openStage(receivers, config)
  const endMs = msOf(until)
  const stepMs = msOf(every)
  const due = [...steps].toSorted((a, b) => msOf(a.at) - msOf(b.at))
  for (let atMs = 0; atMs <= endMs; atMs += stepMs) {
    await stage.passTo(atMs)
    while (due[0] && msOf(due[0].at) <= atMs) await stage.perform(due.shift() as Step)
  }
  const accepted = stage.sent.filter(({ status }) => status === 200)
  expect(accepted.map(asText).toSorted(), `sent: ${stage.sent.map(asText).join('; ')}`).toHaveLength(want.length)
  const left = [...accepted]
  for (const [receiver, what, from, to] of want) {
    const index = left.findIndex((sent) => sent.receiver === receiver && sent.what === what)
    expect(index, `${receiver}: ${what} of ${stage.sent.map(asText).join('; ')}`).toBeGreaterThanOrEqual(0)
    const [found] = left.splice(index, 1)
    expect(found!.atMs, `${receiver}: ${what}, not before`).toBeGreaterThanOrEqual(msOf(from))
    expect(found!.atMs, `${receiver}: ${what}, not after`).toBeLessThanOrEqual(msOf(to))
  }
  return stage.sent
}

interface Stage {
  readonly sent: Sent[]
  passTo(ms: number): Promise<void>
  perform(step: Step): Promise<void>
}

async function openStage(names: readonly string[], configure: Timeline['config']): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'thump-timeline-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const time = { passedMs: 0, setByMs: 0 }
  const sent: Sent[] = []
  const receivers = new Map<string, HttpReceiver>()
  const standing = new Map<string, Answer>()
  const scripted = new Map<string, Answer[]>()
  const urls: Record<string, string> = {}
  for (const name of names) {
    const receiver = await httpReceiver()
    receiver.answer((request) => {
      const answer = scripted.get(name)?.shift() ?? standing.get(name) ?? {}
      const status = answer.reset ? 'reset' : answer.hang ? 'hang' : (answer.status ?? 200)
      sent.push({ receiver: name, what: whatOf(request), atMs: time.passedMs, status })
      return answer
    })
    receivers.set(name, receiver)
    urls[name] = receiver.url
  }
  const clocks = { now: () => start + time.passedMs + time.setByMs, monotonic: () => 1e6 + time.passedMs }
  let alerter: Alerter = await startAlerter(configure(urls), { path: join(dir, 'state.db'), ...clocks })
  const settle = async () => {
    alerter.notifier.wake()
    do await setImmediate()
    while (!alerter.notifier.isIdle())
  }
  return {
    sent,
    async passTo(ms) {
      time.passedMs = ms
      await settle()
    },
    async perform(step) {
      if ('push' in step) alerter.decide(...step.push)
      if ('answer' in step) standing.set(...(step.answer as [string, Answer]))
      if ('script' in step) scripted.set(step.script[0], step.script.slice(1) as Answer[])
      if ('restart' in step) alerter = await alerter.restart()
      if ('ack' in step) alerter.notifier.operator.ack(step.ack, { by: 'kim', comment: '' })
      if ('clockBy' in step) time.setByMs += msOf(step.clockBy)
      await settle()
    },
  }
}

function whatOf(request: RecordedRequest): string {
  const { reason, alert, digest } = bodyOf(request)
  if (digest) return `digest ${digest.total}`
  const { 'rabbitmq.queue': queue, channel } = alert.key as Readonly<Record<string, string | undefined>>
  return `${reason}${reason === alert.state ? '' : ` ${alert.state}`} ${queue ?? channel ?? alert.rule}`
}

const asText = ({ receiver, what, atMs, status }: Sent) => `${receiver} ${what} at ${atMs / 1000}s ${status}`

/** `90s`, `1h`, `-30m`. */
function msOf(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const ms = parseDuration(text.replace(/^-/u, ''))
  if (ms === undefined) throw new Error(`${text} is no time`)
  return sign * ms
}
