import { fastify } from 'fastify'
import { cannotListen } from '../runtime/cannot-listen.ts'
import type { Started } from '../runtime/shutdown.ts'
import type { ActiveAlerter } from './active.ts'
import { addAlertRoutes } from './api-alerts.ts'
import { addSilenceRoutes } from './api-silences.ts'
import { addSlackRoute } from './api-slack.ts'
import { addStateRoute } from './api-state.ts'
import { listedRule, type RuleListing } from './listed-rules.ts'
import type { RuleBook } from './rule-book.ts'
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
  addStateRoute(server, withAlerter)
  await server.listen(listen).catch((error: unknown) => {
    throw cannotListen(error, 'alerting.listen', listen)
  })
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

function rulesOf(book: RuleBook, alerter: ActiveAlerter | undefined): RuleListing {
  const running = new Map(alerter?.status().map((status) => [status.rule.id, status]))
  return {
    isActive: alerter !== undefined,
    files: book.files().map(({ path, isStale, rules, problems }) => ({ path, isStale, rules: rules.length, problems })),
    rules: book.rules().map((rule) => listedRule(rule, running.get(rule.id))),
  }
}
