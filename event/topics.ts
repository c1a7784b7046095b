/** The logical topics; `transport.topics` maps them to the names on the wire. Rules speak these names. */
export const topicNames = ['APP', 'AMQP', 'METRIC', 'THUMP', 'DEADLETTER'] as const
export type TopicName = (typeof topicNames)[number]
