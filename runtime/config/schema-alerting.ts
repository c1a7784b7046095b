import { z } from 'zod'
import { duration, filePath, listenAddress, rate, secret, secretPair, tls, httpUrl, mailAddress } from './values.ts'

const shared = {
  rate: rate.optional(),
  cap: z.strictObject({ perHour: z.number().int().min(1) }).optional(),
  proxy: httpUrl.optional(),
  tls: tls.optional(),
  timeout: duration
    .default(10_000)
    .meta({ description: 'How long the medium may be silent before the message is sent again' }),
}

const slack = z.strictObject({
  type: z.literal('slack'),
  ...secretPair('webhookUrl'),
  ...secretPair('token'),
  channel: z.string().optional(),
  ...secretPair('signingSecret'),
  apiUrl: httpUrl.default('https://slack.com/api/'),
  ...shared,
})
const email = z.strictObject({
  type: z.literal('email'),
  smtp: z.strictObject({
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535).default(587),
    tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
    username: z.string().optional(),
    ...secretPair('password'),
  }),
  from: mailAddress,
  to: z.array(mailAddress).min(1),
  ...shared,
})
const webhook = z.strictObject({
  type: z.literal('webhook'),
  ...secretPair('url'),
  ...secretPair('secret'),
  headers: z.record(z.string(), z.string()).default({}),
  ...shared,
})
const pagerduty = z.strictObject({
  type: z.literal('pagerduty'),
  ...secretPair('routingKey'),
  url: httpUrl.default('https://events.pagerduty.com/v2/enqueue'),
  ...shared,
})
const teams = z.strictObject({ type: z.literal('teams'), ...secretPair('webhookUrl'), ...shared })
const discord = z.strictObject({ type: z.literal('discord'), ...secretPair('webhookUrl'), ...shared })
const telegram = z.strictObject({
  type: z.literal('telegram'),
  ...secretPair('token'),
  chatId: z.string().min(1),
  apiUrl: httpUrl.default('https://api.telegram.org/'),
  ...shared,
})
const alertmanager = z.strictObject({
  type: z.literal('alertmanager'),
  url: httpUrl,
  username: z.string().optional(),
  ...secretPair('password'),
  resend: duration.default(60_000),
  ...shared,
})
const command = z.strictObject({
  type: z.literal('command'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .meta({ description: 'An argument list; no shell. The alert comes as JSON on standard input' }),
  ...shared,
  timeout: duration.default(30_000).meta({ description: 'How long the command may run before it is ended' }),
})
const kakaowork = z.strictObject({
  type: z.literal('kakaowork'),
  ...secretPair('token'),
  email: z.string().optional(),
  conversationId: z.string().optional(),
  apiUrl: httpUrl.default('https://api.kakaowork.com/'),
  ...shared,
})

export const channelSchema = z.discriminatedUnion('type', [
  slack,
  email,
  webhook,
  pagerduty,
  teams,
  discord,
  telegram,
  alertmanager,
  command,
  kakaowork,
])
export type ChannelConfig = z.output<typeof channelSchema>

const names = z.array(z.string().min(1)).min(1)
const match = z.strictObject({
  severity: z.union([z.string(), names]).optional(),
  owner: z.union([z.string(), names]).optional(),
  rule: z.union([z.string(), names]).optional(),
  vhost: z.union([z.string(), names]).optional(),
  node: z.union([z.string(), names]).optional(),
  labels: z.record(z.string(), z.union([z.string(), names])).optional(),
})

export const routeSchema = z.strictObject({
  match: match.prefault({}),
  to: names,
  continue: z.boolean().default(false),
  escalate: z
    .array(z.strictObject({ after: duration, unless: z.literal('acked').default('acked'), to: names }))
    .default([]),
  fallback: z.strictObject({ after: duration.default(300_000), to: names }).optional(),
  group: z.strictObject({ by: names, wait: duration.default(0), interval: duration.default(300_000) }).optional(),
  quiet: z.strictObject({ days: z.string().optional(), hours: z.string(), tz: z.string().optional() }).optional(),
})
export type RouteConfig = z.output<typeof routeSchema>

/** The `alerting` section. */
export const alertingSchema = z
  .strictObject({
    rules: z.array(z.string().min(1)).default(['/etc/thump/rules.d/*.yaml']),
    overrides: filePath.optional(),
    startAt: z.enum(['beginning', 'latest']).default('beginning'),
    allowedLateness: duration.default(30_000),
    maxEventAge: duration.default(900_000),
    channels: z.record(z.string().min(1), channelSchema).default({}),
    routes: z.array(routeSchema).default([]),
    maintenance: z.strictObject({ suppress: z.boolean().default(true) }).prefault({}),
    heartbeat: z
      .strictObject({
        url: secret,
        interval: duration.default(60_000),
        proxy: z.url().optional(),
        tls: tls.optional(),
      })
      .optional(),
    publicUrl: z
      .url()
      .optional()
      .meta({ description: 'How people reach the console; links in messages start with it' }),
    links: z
      .strictObject({
        alert: z
          .string()
          .regex(/^https?:\/\//, 'is not a link; it begins with http:// or https://')
          .optional()
          .meta({
            description:
              'Where an alert is looked at, instead of the console: {query} {from} {to} {id} {rule} are filled in, encoded',
            examples: [
              "https://kibana/app/discover#/?_g=(time:(from:'{from}',to:'{to}'))&_a=(query:(language:kuery,query:'{query}'))",
            ],
          }),
      })
      .prefault({}),
    listen: listenAddress.default({ host: '127.0.0.1', port: 7673 }),
  })
  .superRefine((alerting, context) => {
    const known = new Set(Object.keys(alerting.channels))
    const check = (to: readonly string[], path: PropertyKey[]) =>
      to.forEach((name, index) => {
        if (!known.has(name)) {
          context.addIssue({
            code: 'custom',
            path: [...path, index],
            message: `channel "${name}" is not defined; known: ${[...known].join(', ') || 'none'}`,
          })
        }
      })
    alerting.routes.forEach((route, index) => {
      check(route.to, ['routes', index, 'to'])
      route.escalate.forEach((step, stepIndex) => check(step.to, ['routes', index, 'escalate', stepIndex, 'to']))
      if (route.fallback) check(route.fallback.to, ['routes', index, 'fallback', 'to'])
    })
  })
export type AlertingConfig = z.output<typeof alertingSchema>
