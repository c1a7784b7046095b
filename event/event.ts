import type { Operation } from './operations.ts'

export const datasets = [
  'rabbitmq.log',
  'rabbitmq.access',
  'rabbitmq.event',
  'rabbitmq.trace',
  'rabbitmq.attribution',
  'rabbitmq.node',
  'rabbitmq.queue',
  'rabbitmq.overview',
  'rabbitmq.certificate',
  'thump.agent',
  'thump.alert',
  'thump.audit',
] as const
/** Or an input's own, e.g. `nginx.access`. */
export type Dataset = (typeof datasets)[number] | (string & {})

export type Level = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency'
type Scalar = string | number | boolean
/** JSON, of unknown shape: kept under a `flattened` field. */
export type Json = Scalar | null | readonly Json[] | { readonly [key: string]: Json }

/**
 * What crosses a topic: one UTF-8 JSON object, nested, ECS names where ECS has one. Absent means unknown: no nulls, no
 * empty strings. Readers must accept fields they do not know.
 */
export interface ThumpEvent {
  '@timestamp': string
  event: {
    id: string
    dataset: Dataset
    sequence?: number
    action?: string
    outcome?: 'success' | 'failure'
    code?: string
    category?: string[]
    /** Nanoseconds, as in ECS. */
    duration?: number
    [field: string]: unknown
  }
  message: string
  host?: { name: string }
  service: { type: string; name?: string; node?: { name: string } }
  agent: { id: string; version: string }
  log?: { level?: Level; file?: { path: string }; offset?: number; flags?: string[] }
  amqp?: {
    operation?: Operation
    properties?: Record<string, Json>
    headers?: Record<string, Json>
    body?: { bytes?: number; hmac?: string; content?: string; truncated?: boolean }
  }
  user?: { name?: string; target?: { name: string } }
  source?: { ip?: string; port?: number }
  client?: { name?: string }
  /** What the event speaks of: the deed's id, or (of evidence) the operations it may be; `evidence` is the line it stands in. */
  related?: { id?: string; operation?: Operation[]; evidence?: string }
  rabbitmq?: RabbitmqFields
  http?: {
    request?: { method?: string }
    response?: { status_code?: number; body?: { bytes?: number }; cache?: string }
  }
  url?: { path?: string }
  user_agent?: { original?: string }
  app?: Record<string, Json>
  redacted?: Array<{ rule: string; count: number }>
  tags?: string[]
  labels?: Record<string, string>
  [field: string]: unknown
}

export interface RabbitmqFields {
  vhost?: string
  exchange?: string
  routing_keys?: string[]
  queue?: string
  /** `ip:port -> ip:port`, the join key of all sources. */
  connection?: string
  channel?: number
  pid?: string
  consumer_tag?: string
  policy?: string
  parameter?: string
  clock?: 'agent'
  attribution?: string
  candidates?: Json[]
  routed_queues?: string[]
  unroutable?: boolean
  redelivered?: boolean
  latency_ms?: number
  latency_clock?: 'broker' | 'agent'
  arguments?: Record<string, Json>
  durable?: boolean
  auto_delete?: boolean
  exclusive?: boolean
  type?: string
  node?: Record<string, Json>
  queue_stats?: Record<string, Json>
  /** Totals of the cluster. */
  overview?: Record<string, Json>
  /** Until when that of one TLS listener is good. */
  certificate?: Record<string, Json>
  [field: string]: Json | undefined
}

/** The tag of Thump's own queues, connections, users and probes. */
export const internalTag = 'thump-internal'
