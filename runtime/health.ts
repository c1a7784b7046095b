import { fastify } from 'fastify'
import type { Metrics } from './metrics.ts'
import type { Started } from './shutdown.ts'

/** A named question with a short answer; `ok: false` makes the endpoint answer 503 with the reason. */
export interface Check {
  readonly name: string
  readonly kind: 'live' | 'ready'
  readonly ask: () => { readonly ok: boolean; readonly detail?: string }
}

/** Where components register what must hold; one that is started anew takes the place of its name. */
export interface Health {
  add(check: Check): void
  /** Every component has registered. Not ready before: a part that is not named yet cannot say that it is missing. */
  started(): void
  report(kind: Check['kind']): {
    readonly ok: boolean
    readonly checks: Record<string, { ok: boolean; detail?: string }>
  }
}

export function createHealth(): Health {
  let isStarting = true
  const start = () => (isStarting ? { ok: false, detail: 'starting' } : { ok: true })
  const checks = new Map<string, Check>()
  const add = (check: Check) => void checks.set(`${check.kind} ${check.name}`, check)
  add({ name: 'start', kind: 'ready', ask: start })
  return {
    add,
    started: () => {
      isStarting = false
    },
    report(kind) {
      const results = [...checks.values()]
        .filter((check) => check.kind === kind)
        .map((check) => [check.name, check.ask()] as const)
      return { ok: results.every(([, result]) => result.ok), checks: Object.fromEntries(results) }
    },
  }
}

/** `GET /livez /readyz /metrics` on `host:port`; `value.port` is the real one where 0 was asked for. */
export async function startHealthServer(deps: {
  listen: { host: string; port: number }
  health: Health
  metrics: Metrics
}): Promise<Started<{ port: number }>> {
  const server = fastify({ logger: false, forceCloseConnections: true })
  for (const [path, kind] of [
    ['/livez', 'live'],
    ['/readyz', 'ready'],
  ] as const) {
    server.get(path, (_, reply) => {
      const report = deps.health.report(kind)
      return reply.code(report.ok ? 200 : 503).send(report)
    })
  }
  server.get('/metrics', async (_, reply) =>
    reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics()),
  )
  await server.listen(deps.listen)
  const address = server.server.address()
  return {
    value: { port: typeof address === 'object' && address ? address.port : deps.listen.port },
    stop: () => server.close(),
  }
}
