import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { WithAlerter } from './with-alerter.ts'
import { alertJson } from './notify/alert-json.ts'
import type { Wording } from './notify/channel.ts'
import type { AlertDetail, AlertView, Deed, DeedOutcome } from './notify/operator.ts'
import { problemOf } from './api-problem.ts'
import type { Notifier } from './notify/notifier.ts'
import { parseMatcher } from './notify/silences.ts'
import type { AlertRecord } from './transition.ts'

const maxAlerts = 10_000
const states = ['firing', 'resolved']

const deedSchema = z.strictObject({ by: z.string().trim().min(1).max(100), comment: z.string().max(1000).default('') })

/** `GET /alerts?state=&match=&limit=`, `GET /alerts/{id}`, `POST /alerts/{id}/ack`, `…/resolve`. */
export function addAlertRoutes(server: FastifyInstance, withAlerter: WithAlerter): void {
  server.get(
    '/api/v1/alerts',
    withAlerter(({ notifier }, request, reply) => {
      const { state, limit = '1000', match = [] } = request.query as Record<string, string | string[] | undefined>
      if (state !== undefined && !states.includes(String(state)))
        return reply.code(400).send({ error: `state is ${states.join(' or ')}` })
      const texts = [match].flat()
      const matchers = texts.map((text) => parseMatcher(text)).filter((matcher) => matcher !== undefined)
      if (matchers.length < texts.length)
        return reply
          .code(400)
          .send({ error: 'match is written as severity=critical, rule!=x or rabbitmq.queue=~order\\..*' })
      const count = Math.min(maxAlerts, Math.max(1, Math.floor(Number(limit)) || 1000))
      const filter = { ...(state !== undefined && { state: state as AlertRecord['state'] }), matchers, limit: count }
      const found = notifier.operator.alerts(filter)
      return { alerts: found.map((view) => viewJson(view, notifier.wording())) }
    }),
  )
  server.get(
    '/api/v1/alerts/:id',
    withAlerter(({ notifier }, request, reply) => {
      const found = notifier.operator.alert(idOf(request))
      return found ? { alert: detailJson(found, notifier.wording()) } : unknown(reply)
    }),
  )
  server.post(
    '/api/v1/alerts/:id/ack',
    withAlerter(({ notifier }, request, reply) => {
      const deed = readDeed(request, reply)
      return deed ? answer(notifier.operator.ack(idOf(request), deed), notifier, reply) : reply
    }),
  )
  server.post(
    '/api/v1/alerts/:id/resolve',
    withAlerter(async ({ notifier }, request, reply) => {
      const deed = readDeed(request, reply)
      if (!deed) return reply
      return answer(await notifier.operator.resolve(idOf(request), deed), notifier, reply)
    }),
  )
}

const idOf = ({ params }: FastifyRequest) => (params as { id: string }).id
const unknown = (reply: FastifyReply) => reply.code(404).send({ error: 'there is no such alert, or several begin so' })

function readDeed({ body }: FastifyRequest, reply: FastifyReply): Deed | undefined {
  const parsed = deedSchema.safeParse(body ?? {})
  if (parsed.success) return parsed.data
  void reply.code(400).send({ error: problemOf(parsed.error) })
  return undefined
}

function answer(outcome: DeedOutcome, notifier: Notifier, reply: FastifyReply): unknown {
  if (outcome.kind === 'over') return reply.code(409).send({ error: 'this alert does not fire any more' })
  const found = outcome.kind === 'done' ? notifier.operator.alert(outcome.alert.id) : undefined
  return found ? { alert: detailJson(found, notifier.wording()) } : unknown(reply)
}

const iso = (ms: number) => new Date(ms).toISOString()

function viewJson({ alert, ack, silencedUntilMs }: AlertView, wording: Wording): Record<string, unknown> {
  return {
    ...alertJson(alert, wording),
    stage: alert.stage,
    ...(ack && { ack: { by: ack.by, at: iso(ack.atMs), ...(ack.comment !== '' && { comment: ack.comment }) } }),
    ...(silencedUntilMs !== undefined && { silencedUntil: iso(silencedUntilMs) }),
  }
}

function detailJson({ tellings, ...view }: AlertDetail, wording: Wording): Record<string, unknown> {
  return {
    ...viewJson(view, wording),
    tellings: tellings.map(({ createdMs, settledMs, ...telling }) => ({
      ...telling,
      createdAt: iso(createdMs),
      ...(settledMs !== undefined && { settledAt: iso(settledMs) }),
    })),
  }
}
