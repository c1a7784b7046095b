import type { RabbitmqFields, ThumpEvent } from '../../event/event.ts'
import type { Operation } from '../../event/operations.ts'

/** What a request of the management API did, in the words of the events that tell of it. */
export interface Request {
  readonly operations: readonly Operation[]
  readonly fields: RabbitmqFields
  /** The user acted on. */
  readonly target?: string
}

type Row = readonly [method: string, path: RegExp, operations: readonly Operation[], onlyStatus?: number]

/** Named groups are fields; a declaration of what is there already answers 204 and is no deed. */
const rows: readonly Row[] = [
  ['DELETE', /^queues\/(?<vhost>[^/]+)\/(?<queue>[^/]+)\/contents$/, ['queue.purge']],
  ['DELETE', /^queues\/(?<vhost>[^/]+)\/(?<queue>[^/]+)$/, ['queue.delete']],
  ['PUT', /^queues\/(?<vhost>[^/]+)\/(?<queue>[^/]+)$/, ['queue.declare'], 201],
  ['DELETE', /^exchanges\/(?<vhost>[^/]+)\/(?<exchange>[^/]+)$/, ['exchange.delete']],
  ['PUT', /^exchanges\/(?<vhost>[^/]+)\/(?<exchange>[^/]+)$/, ['exchange.declare'], 201],
  ['POST', /^bindings\/(?<vhost>[^/]+)\/e\/(?<exchange>[^/]+)\/q\/(?<queue>[^/]+)$/, ['queue.bind']],
  ['DELETE', /^bindings\/(?<vhost>[^/]+)\/e\/(?<exchange>[^/]+)\/q\/(?<queue>[^/]+)\/[^/]+$/, ['queue.unbind']],
  ['POST', /^bindings\/(?<vhost>[^/]+)\/e\/(?<exchange>[^/]+)\/e\/(?<destination_exchange>[^/]+)$/, ['exchange.bind']],
  [
    'DELETE',
    /^bindings\/(?<vhost>[^/]+)\/e\/(?<exchange>[^/]+)\/e\/(?<destination_exchange>[^/]+)\/[^/]+$/,
    ['exchange.unbind'],
  ],
  ['PUT', /^vhosts\/(?<vhost>[^/]+)$/, ['vhost.create']],
  ['DELETE', /^vhosts\/(?<vhost>[^/]+)$/, ['vhost.delete']],
  ['PUT', /^users\/(?<target>[^/]+)$/, ['user.create', 'user.password', 'user.tags']],
  ['DELETE', /^users\/(?<target>[^/]+)$/, ['user.delete']],
  ['PUT', /^(?:topic-)?permissions\/(?<vhost>[^/]+)\/(?<target>[^/]+)$/, ['permission.set']],
  ['DELETE', /^(?:topic-)?permissions\/(?<vhost>[^/]+)\/(?<target>[^/]+)$/, ['permission.clear']],
  ['PUT', /^(?:operator-)?policies\/(?<vhost>[^/]+)\/(?<policy>[^/]+)$/, ['policy.set']],
  ['DELETE', /^(?:operator-)?policies\/(?<vhost>[^/]+)\/(?<policy>[^/]+)$/, ['policy.clear']],
  ['PUT', /^parameters\/[^/]+\/(?<vhost>[^/]+)\/(?<parameter>[^/]+)$/, ['parameter.set']],
  ['DELETE', /^parameters\/[^/]+\/(?<vhost>[^/]+)\/(?<parameter>[^/]+)$/, ['parameter.clear']],
  ['PUT', /^global-parameters\/(?<parameter>[^/]+)$/, ['parameter.set']],
  ['DELETE', /^global-parameters\/(?<parameter>[^/]+)$/, ['parameter.clear']],
  ['DELETE', /^connections\/(?<connection>[^/]+)$/, ['connection.close']],
]

/** What an access line tells was done; undefined for readings, refusals and every other request. Never throws. */
export function requestOf({ http, url }: ThumpEvent): Request | undefined {
  const status = http?.response?.status_code ?? 0
  const method = http?.request?.method
  if (method === undefined || status < 200 || status > 299) return undefined
  // A path prefix may stand before /api (management.path_prefix).
  const path = /\/api\/(.+?)\/?$/.exec(url?.path ?? '')?.[1]
  if (path === undefined) return undefined
  for (const [verb, pattern, operations, onlyStatus] of rows) {
    if (verb !== method || (onlyStatus !== undefined && onlyStatus !== status)) continue
    const groups = pattern.exec(path)?.groups
    const decoded = groups && decodeAll(groups)
    if (!decoded) continue
    const { target, ...fields } = decoded
    return { operations, fields, ...(target !== undefined && { target }) }
  }
  return undefined
}

function decodeAll(groups: Readonly<Record<string, string>>): Record<string, string> | undefined {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]))
  } catch {
    return undefined
  }
}
