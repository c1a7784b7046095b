import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { duration } from '../runtime/config/values.ts'
import { problemOf } from './api-problem.ts'
import type { WithAlerter } from './with-alerter.ts'
import { alertJson } from './notify/alert-json.ts'
import { type Matcher, matcherText, parseMatcher, type Silence, type SilenceRequest } from './notify/silences.ts'

const shownAlerts = 100

const matcher = z.union([
  z.string().transform((text, context): Matcher => {
    const parsed = parseMatcher(text)
    if (parsed) return parsed
    context.addIssue({ code: 'custom', message: `"${text}" is not a matcher; write it as rule=queue-deleted` })
    return z.NEVER
  }),
  z.strictObject({
    name: z.string().min(1),
    op: z.enum(['=', '!=', '=~', '!~']).default('='),
    value: z.string(),
  }),
])

const requestSchema = z
  .strictObject({
    matchers: z.array(matcher).min(1).max(20),
    startsAt: z.iso.datetime({ offset: true }).optional(),
    endsAt: z.iso.datetime({ offset: true }).optional(),
    for: duration.optional(),
    author: z.string().trim().min(1).max(100),
    comment: z.string().max(1000).default(''),
    dryRun: z.boolean().default(false),
  })
  .refine(({ endsAt, for: lasts }) => (endsAt === undefined) !== (lasts === undefined), 'give either endsAt or for')

/** `GET /silences?all=true`, `POST /silences`, `DELETE /silences/{id}?by=` (or `?id=`). */
export function addSilenceRoutes(server: FastifyInstance, withAlerter: WithAlerter): void {
  server.get(
    '/api/v1/silences',
    withAlerter(({ notifier }, request) => {
      const { all } = request.query as { all?: string }
      const { operator } = notifier
      const nowMs = operator.nowMs()
      return { silences: operator.silences(all === 'true').map((silence) => silenceJson(silence, nowMs)) }
    }),
  )
  server.post(
    '/api/v1/silences',
    withAlerter(({ notifier }, request, reply) => {
      const parsed = requestSchema.safeParse(request.body)
      if (!parsed.success) return reply.code(400).send({ error: problemOf(parsed.error) })
      const { operator } = notifier
      try {
        const alerts = operator.silenced(parsed.data.matchers, Number.MAX_SAFE_INTEGER)
        const silenced = {
          total: alerts.length,
          alerts: alerts.slice(0, shownAlerts).map((alert) => alertJson(alert, notifier.wording())),
        }
        if (parsed.data.dryRun) return { dryRun: true, silenced }
        const silence = operator.addSilence(silenceOf(parsed.data, operator.nowMs()))
        return reply.code(201).send({ silence: silenceJson(silence, operator.nowMs()), silenced })
      } catch (error) {
        return reply.code(400).send({ error: (error as Error).message })
      }
    }),
  )
  const expire = withAlerter(({ notifier: { operator } }, request, reply) => {
    const { id = '', by } = { ...(request.query as object), ...(request.params as object) } as {
      id?: string
      by?: string
    }
    const silence = operator.expireSilence(id, by?.slice(0, 100) || 'the API')
    if (!silence) return reply.code(404).send({ error: 'there is no such silence, or it has ended' })
    return { silence: silenceJson(silence, operator.nowMs()) }
  })
  server.delete('/api/v1/silences/:id', expire)
  server.delete('/api/v1/silences', expire)
}

function silenceOf(
  { matchers, startsAt, endsAt, for: lastsMs, author, comment }: z.output<typeof requestSchema>,
  nowMs: number,
): SilenceRequest {
  const startsMs = startsAt === undefined ? nowMs : Date.parse(startsAt)
  return {
    matchers,
    startsMs,
    endsMs: endsAt === undefined ? startsMs + (lastsMs ?? 0) : Date.parse(endsAt),
    author,
    comment,
  }
}

const iso = (ms: number) => new Date(ms).toISOString()

function silenceJson({ id, matchers, startsMs, endsMs, author, comment, createdMs }: Silence, nowMs: number) {
  return {
    id,
    state: endsMs <= nowMs ? 'expired' : startsMs > nowMs ? 'pending' : 'active',
    matchers: matchers.map(matcherText),
    startsAt: iso(startsMs),
    endsAt: iso(endsMs),
    author,
    comment,
    createdAt: iso(createdMs),
  }
}
