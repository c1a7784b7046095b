import { z } from 'zod'
import { alertingSchema } from './schema-alerting.ts'
import { agentSchema } from './schema-agent.ts'
import { duration, filePath, folderSize, httpUrl, listenAddress, secretPair, size, tls } from './values.ts'
import { logLevels } from '../log.ts'

const transportSchema = z.strictObject({
  kind: z
    .enum(['embedded', 'kafka'])
    .default('embedded')
    .meta({ description: 'How events travel: the own log of one process, or Kafka' }),
  topics: z
    .strictObject({
      app: z.string().min(1).default('APP'),
      amqp: z.string().min(1).default('AMQP'),
      metric: z.string().min(1).default('METRIC'),
      self: z.string().min(1).default('THUMP'),
      deadLetter: z.string().min(1).default('DEADLETTER'),
    })
    .prefault({}),
  embedded: z
    .strictObject({
      retention: duration.default(86_400_000),
      maxBytes: folderSize.default(2 * 2 ** 30),
      partitions: z.number().int().min(1).max(64).default(4),
    })
    .prefault({}),
  kafka: z
    .strictObject({
      brokers: z.array(z.string().min(1)).min(1).default(['127.0.0.1:9092']),
      clientId: z.string().min(1).default('thump'),
      group: z
        .string()
        .min(1)
        .default('thump')
        .meta({ description: 'Consumer groups are <group>-forwarder and <group>-alerting' }),
      tls: tls.optional(),
      sasl: z
        .strictObject({
          mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
          username: z.string().min(1),
          ...secretPair('password'),
        })
        .optional(),
      compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('zstd'),
      createTopics: z
        .union([
          z.literal(false),
          z.strictObject({
            partitions: z.number().int().min(1).default(6),
            replicationFactor: z.number().int().min(-1).default(-1),
            retention: duration.default(604_800_000),
          }),
        ])
        .prefault({}),
      linger: duration.default(5),
      maxBatchBytes: size.default(1_000_000),
    })
    .prefault({}),
})

const storageSchema = z.strictObject({
  kind: z.enum(['sqlite', 'elasticsearch']).default('sqlite'),
  sqlite: z
    .strictObject({ retention: duration.default(604_800_000), maxBytes: folderSize.default(10 * 2 ** 30) })
    .prefault({}),
  elasticsearch: z
    .strictObject({
      nodes: z.array(httpUrl).min(1).default(['http://127.0.0.1:9200']),
      distribution: z
        .enum(['elasticsearch', 'opensearch'])
        .default('elasticsearch')
        .meta({ description: 'Elasticsearch 8 or 9, or OpenSearch 2' }),
      ...secretPair('apiKey'),
      username: z.string().optional(),
      ...secretPair('password'),
      tls: tls.extend({ fingerprint: z.string().optional() }).optional(),
      proxy: httpUrl.optional(),
      indexPrefix: z
        .string()
        .regex(/^[a-z][a-z0-9_-]*$/, 'an index prefix is lower case letters, digits, - and _')
        .default('thump'),
      retention: duration.default(2_592_000_000),
    })
    .prefault({}),
})

/** `thump.yaml`. Every key, its default and its meaning; the JSON Schema for editors is made from this. */
export const configSchema = z.strictObject({
  cluster: z.string().min(1).optional().meta({ description: "Name of the watched cluster; default: the broker's own" }),
  dataDir: filePath.default('/var/lib/thump'),
  timezone: z
    .string()
    .refine(isTimeZone, {
      error: (issue) => `"${String(issue.input)}" is not a time zone; write it as Asia/Seoul or UTC`,
    })
    .optional()
    .meta({
      description: "How people are shown times; default: the system's. Stored times are UTC",
      examples: ['Asia/Seoul'],
    }),
  transport: transportSchema.prefault({}),
  agent: agentSchema.prefault({}),
  storage: storageSchema.prefault({}),
  alerting: alertingSchema.prefault({}),
  console: z.strictObject({ listen: listenAddress.default({ host: '127.0.0.1', port: 7672 }) }).prefault({}),
  health: z.strictObject({ listen: listenAddress.optional() }).prefault({}),
  log: z
    .strictObject({ level: z.enum(logLevels).default('info'), format: z.enum(['json', 'pretty']).optional() })
    .prefault({}),
})

export type Config = z.output<typeof configSchema>

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
