import { z } from 'zod'
import { amqpUrl, duration, filePath, httpUrl, secretPair, size, tls } from './values.ts'

const logInput = z.strictObject({
  paths: z.array(z.string().min(1)).min(1),
  format: z.enum(['auto', 'rabbitmq', 'rabbitmq-json', 'access', 'combined', 'json', 'plain']).default('auto'),
  startAt: z.enum(['beginning', 'end']).default('beginning'),
  timezone: z
    .string()
    .default('system')
    .meta({ description: 'Zone of log times that name none: system, UTC, Asia/Seoul' }),
  encoding: z.enum(['auto', 'utf-8', 'utf-16le', 'utf-16be', 'latin1']).default('auto'),
  ignoreOlder: duration.optional(),
  maxLineBytes: size.default(2 ** 20),
  dataset: z.string().min(1).optional(),
  topic: z.enum(['APP', 'AMQP', 'METRIC']).default('APP'),
  tags: z.array(z.string().min(1)).default([]),
  labels: z.record(z.string(), z.string()).default({}),
})

const oneOrManyUrls = z
  .union([amqpUrl, z.array(amqpUrl).min(1)])
  .transform((urls) => (typeof urls === 'string' ? [urls] : urls))

const patterns = z.array(z.string().min(1))

/** The `agent` section. */
export const agentSchema = z.strictObject({
  node: z
    .string()
    .regex(/^.+@.+$/, 'a node is name@host')
    .optional()
    .meta({ description: 'Default: learned once and kept in dataDir', examples: ['rabbit@mq1'] }),
  logs: z.array(logInput).default([]),
  amqp: z
    .strictObject({
      url: oneOrManyUrls,
      username: z.string().optional(),
      ...secretPair('password'),
      tls: tls.optional(),
    })
    .optional()
    .meta({ description: 'Absent: no broker connection, events and firehose are off' }),
  events: z
    .strictObject({
      enabled: z.boolean().default(true),
      vhost: z.string().min(1).default('/'),
      queue: z.string().min(1).default('mon.events'),
      maxLength: z.number().int().min(100).default(50_000),
    })
    .prefault({}),
  firehose: z
    .strictObject({
      enabled: z.boolean().default(false),
      vhosts: z.array(z.string().min(1)).min(1).default(['/']),
      publish: patterns.default(['#']),
      deliver: patterns.default(['#']),
      payload: z.enum(['none', 'hash', 'excerpt', 'full']).default('none'),
      payloadBytes: size.default(1024),
      maxRate: z.number().positive().default(1000),
      stopWhen: z.strictObject({ memory: z.number().gt(0).lte(1).default(0.7) }).prefault({}),
    })
    .prefault({}),
  resources: z
    .strictObject({
      enabled: z.boolean().default(true),
      url: httpUrl.default('http://127.0.0.1:15672'),
      username: z.string().optional(),
      ...secretPair('password'),
      tls: tls.optional(),
      prometheusUrl: z
        .url()
        .default('http://127.0.0.1:15692')
        .meta({ description: 'Queues are read from here: the cheapest for the broker; else from the management API' }),
      interval: duration.default(15_000),
      queues: z.enum(['changed', 'all', 'off']).default('changed'),
    })
    .prefault({}),
  tracing: z
    .strictObject({ username: z.string().min(1), ...secretPair('password') })
    .optional()
    .meta({ description: 'An administrator, used only to switch tracing' }),
  redact: z
    .strictObject({
      builtin: z.array(z.string().min(1)).default(['secrets', 'cards', 'rrn', 'phones', 'emails']),
      rules: z
        .array(
          z.strictObject({
            name: z.string().min(1),
            pattern: z.string().min(1).optional(),
            dictionaryFile: filePath.optional(),
            replace: z.string().default('***'),
          }),
        )
        .default([]),
      ...secretPair('hmacKey'),
    })
    .prefault({}),
})
export type AgentConfig = z.output<typeof agentSchema>
