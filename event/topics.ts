/** The logical topics; `transport.topics` maps them to the names on the wire. Rules speak these names. */
export const topicNames = ['APP', 'AMQP', 'METRIC', 'THUMP', 'DEADLETTER'] as const
export type TopicName = (typeof topicNames)[number]

/** The config's key of each, and the last part of its index's name: `thump-app-2026.11.22`. */
export const topicSlugs = {
  APP: 'app',
  AMQP: 'amqp',
  METRIC: 'metric',
  THUMP: 'self',
  DEADLETTER: 'deadLetter',
} as const satisfies Record<TopicName, string>
