import type { AlertingConfig } from '../../runtime/config/schema-alerting.ts'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { answerOfFailure, answerOfStatus, createHttpClient } from './http.ts'
import type { Telemetry } from './telemetry.ts'

export interface HeartbeatDeps {
  readonly heartbeat: AlertingConfig['heartbeat']
  readonly telemetry: Telemetry
  /** Is what tells people alive? Otherwise nobody is to be reassured. */
  readonly isAlive: () => boolean
  readonly now: () => number
}

/** Calls a URL again and again, so that somebody else notices when the alerter itself falls silent. */
export function startHeartbeat({ heartbeat, telemetry, isAlive, now }: HeartbeatDeps): Started<undefined> {
  if (!heartbeat) return { value: undefined, stop: async () => {} }
  const stopping = new AbortController()
  const { signal } = stopping
  const http = createHttpClient(heartbeat)
  const beat = async () => {
    let failures = 0
    while (!signal.aborted) {
      if (isAlive()) {
        const answer = await http
          .send({ url: heartbeat.url.reveal(), method: 'GET', signal })
          .then((got) => answerOfStatus(got, now()))
          .catch(answerOfFailure)
        if (signal.aborted) return
        if (answer.kind === 'ok') {
          if (failures > 0) telemetry.recovered('heartbeat', failures)
          failures = 0
        } else if (failures++ === 0) telemetry.failing('heartbeat', answer.detail)
      }
      await sleep(heartbeat.interval, signal).catch(() => {})
    }
  }
  const beating = beat()
  return {
    value: undefined,
    stop: async () => {
      stopping.abort(new Error('the heartbeat is stopping'))
      await beating
      await http.close()
    },
  }
}
