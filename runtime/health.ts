import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { cannotListen } from './cannot-listen.ts'
import type { Metrics } from './metrics.ts'
import type { Started } from './shutdown.ts'

// An `import` of this module reads each of its exports, and with them Node's fetch and HTTP/2: 13 MB.
const { createServer } = process.getBuiltinModule('node:http')

/** A named question with a short answer; `ok: false` makes the endpoint answer 503 with the reason. */
export interface Check {
  readonly name: string
  readonly kind: 'live' | 'ready'
  readonly ask: () => { readonly ok: boolean; readonly detail?: string }
}

/** Ready unless there is a problem, which is told. */
export function readiness(problem: string | undefined): ReturnType<Check['ask']> {
  return problem === undefined ? { ok: true } : { ok: false, detail: problem }
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

interface HealthServerDeps {
  readonly listen: { readonly host: string; readonly port: number }
  readonly health: Health
  readonly metrics: Metrics
}

/**
 * `GET /livez /readyz /metrics` on `host:port`; `value.port` is the real one where 0 was asked for. Node's own server:
 * every role has one, and a framework for three answers would be a tenth of an agent's memory.
 */
export async function startHealthServer({ listen, ...deps }: HealthServerDeps): Promise<Started<{ port: number }>> {
  const server = createServer(({ method, url = '/' }, response) => {
    const pathname = method === 'GET' || method === 'HEAD' ? url.replace(/\?.*$/, '') : ''
    void answer(pathname, deps).then(
      ([status, body, type]) => send(response, status, body, type),
      (cause: unknown) => send(response, 500, { error: String(cause) }),
    )
  })
  server.listen(listen)
  await once(server, 'listening').catch((error: unknown) => {
    throw cannotListen(error, 'health.listen', listen)
  })
  const address = server.address()
  return {
    value: { port: typeof address === 'object' && address ? address.port : listen.port },
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

type Answer = readonly [status: number, body: unknown, type?: string]

async function answer(path: string, { health, metrics }: Omit<HealthServerDeps, 'listen'>): Promise<Answer> {
  if (path === '/metrics') return [200, await metrics.registry.metrics(), metrics.registry.contentType]
  if (path !== '/livez' && path !== '/readyz') return [404, { error: 'GET /livez, /readyz or /metrics' }]
  const report = health.report(path === '/livez' ? 'live' : 'ready')
  return [report.ok ? 200 : 503, report]
}

/** An object as JSON; a text as it is. */
function send(response: ServerResponse, status: number, body: unknown, type = 'application/json; charset=utf-8'): void {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes)
}
