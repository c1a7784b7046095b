import type { Notice } from './notice.ts'

/** The made-up alert of `thump notify test`: says that it is one. */
export function testNotice(channel: string, nowMs: number): Notice {
  return {
    id: `thump_test_${channel.replace(/[^\w.-]+/gu, '-')}_${nowMs}`,
    kind: 'test',
    note: 'Sent by "thump notify test"; nothing has happened.',
    alerts: [
      {
        id: `test-${nowMs}`,
        ruleId: 'thump-notify-test',
        key: { 'rabbitmq.vhost': '/', 'rabbitmq.queue': 'example' },
        state: 'firing',
        severity: 'info',
        labels: {},
        summary: `test of channel ${channel}`,
        count: 1,
        firstSeenMs: nowMs,
        lastSeenMs: nowMs,
        samples: [],
        stage: 'live',
      },
    ],
  }
}
