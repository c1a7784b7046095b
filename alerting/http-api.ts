import { fastify } from 'fastify'
import type { Started } from '../runtime/shutdown.ts'
import type { ActiveAlerter } from './active.ts'
import { addAlertRoutes } from './api-alerts.ts'
import { addSilenceRoutes } from './api-silences.ts'
import { addSlackRoute } from './api-slack.ts'
import type { RuleBook } from './rule-book.ts'
import type { KeyValue } from './transition.ts'
import type { WithAlerter } from './with-alerter.ts'

export interface ApiDeps {
  readonly listen: { readonly host: string; readonly port: number }
  readonly book: RuleBook
  /** Undefined while this alerter stands by. */
  readonly active: () => ActiveAlerter | undefined
  readonly reload: () => Promise<void>
}

const bodyLimit = 256 * 1024

/** `/api/v1/alerts`, `/silences`, `/rules`, `/state/{ruleId}`, `/slack/actions`; see docs/notifications.md. */
export async function startApi({ listen, book, active, reload }: ApiDeps): Promise<Started<{ port: number }>> {
  const server = fastify({ logger: false, forceCloseConnections: true, bodyLimit })
  const isPrivate = isLoopback(listen.host)
  // A page of some other site must not make the reader's browser silence anything.
  server.addHook('onRequest', async (request, reply) => {
    const { origin, host } = request.headers
    if (request.method !== 'GET' && origin !== undefined && !isOwn(origin, host, isPrivate))
      await reply.code(403).send({ error: 'cross-site request' })
  })
  server.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ error: error.message }),
  )
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `there is no ${request.method} ${request.url.split('?')[0] ?? ''}` }),
  )
  const withAlerter: WithAlerter = (answer) => (request, reply) => {
    const alerter = active()
    if (alerter) return answer(alerter, request, reply)
    return reply.code(503).send({ error: 'this alerter stands by: another holds the state' })
  }
  addAlertRoutes(server, withAlerter)
  addSilenceRoutes(server, withAlerter)
  await addSlackRoute(server, withAlerter)
  server.get('/api/v1/rules', () => rulesOf(book, active()))
  server.post('/api/v1/rules/reload', async () => {
    await reload()
    return rulesOf(book, active())
  })
  server.get(
    '/api/v1/state/:rule',
    withAlerter((alerter, request, reply) => {
      const { rule } = request.params as { rule: string }
      const status = alerter.status().find((candidate) => candidate.rule.id === rule)
      if (!status) return reply.code(404).send({ error: `no rule "${rule}" runs` })
      const state = findState(alerter, rule, request.query)
      if (!state) return reply.code(404).send({ error: 'nothing is kept for this key' })
      const { dueMs, key, ...rest } = state
      return { rule, key, watermarkMs: status.watermarkMs, ...(Number.isFinite(dueMs) && { dueMs }), ...rest }
    }),
  )
  await server.listen(listen)
  const address = server.server.address()
  return {
    value: { port: typeof address === 'object' && address ? address.port : listen.port },
    stop: () => server.close(),
  }
}

/** Of an alerter on loopback only pages of this machine: a name of the attacker's that leads here is not one. */
function isOwn(origin: string, host: string | undefined, isPrivate: boolean): boolean {
  try {
    const url = new URL(origin)
    return url.host === host && (!isPrivate || isLoopback(url.hostname))
  } catch {
    return false
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || host.startsWith('127.')
}

/** `key` repeats in `groupBy` order; a number or a boolean is found as well as the text that looks like it. */
function findState(alerter: ActiveAlerter, rule: string, query: unknown) {
  const { key } = query as { key?: string | string[] }
  const texts = key === undefined ? [] : [key].flat()
  return alerter.stateOf(rule, texts) ?? alerter.stateOf(rule, texts.map(asScalar))
}

function asScalar(text: string): KeyValue {
  if (text === 'true' || text === 'false') return text === 'true'
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) ? number : text
}

function rulesOf(book: RuleBook, alerter: ActiveAlerter | undefined): unknown {
  const running = new Map(alerter?.status().map((status) => [status.rule.id, status]))
  return {
    isActive: alerter !== undefined,
    files: book.files().map(({ path, isStale, rules, problems }) => ({ path, isStale, rules: rules.length, problems })),
    rules: book.rules().map(({ id, spec, topics, severity, stage, owner, place }) => {
      const status = running.get(id)
      return {
        id,
        type: spec.kind,
        topics,
        severity,
        stage,
        ...(owner !== undefined && { owner }),
        file: place.file,
        line: place.line,
        ...(status && { keys: status.keys, watermarkMs: status.watermarkMs }),
      }
    }),
  }
}
