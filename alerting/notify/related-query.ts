import type { QueryNode } from '../../storage/query/query.ts'
import type { AlertRecord } from '../transition.ts'

const longestValue = 1000

interface Same {
  readonly path: string
  readonly value: string
}

/** Of the same connection or queue, else of the same user: each inner list holds together. */
function sameThings({ samples, key }: AlertRecord): Same[][] {
  const { rabbitmq = {}, user } = samples.at(-1) ?? {}
  // What no index keeps whole cannot be asked for; half a character cannot be written into a link.
  const text = (value: unknown) =>
    typeof value === 'string' && value !== '' && value.length <= longestValue ? value.toWellFormed() : undefined
  const queue = text(key['rabbitmq.queue']) ?? text(rabbitmq.queue)
  const vhost = text(key['rabbitmq.vhost']) ?? text(rabbitmq.vhost)
  const connection = text(rabbitmq.connection)
  const name = text(key['user.name']) ?? text(user?.name)
  const found: Same[][] = []
  if (connection !== undefined) found.push([{ path: 'rabbitmq.connection', value: connection }])
  if (queue !== undefined) {
    const within = vhost === undefined ? [] : [{ path: 'rabbitmq.vhost', value: vhost }]
    found.push([{ path: 'rabbitmq.queue', value: queue }, ...within])
  }
  if (found.length === 0 && name !== undefined) found.push([{ path: 'user.name', value: name }])
  return found
}

/** What the stores are asked for an alert's context; undefined where it names nothing to ask for. */
export function relatedQuery(alert: AlertRecord): QueryNode | undefined {
  const same = sameThings(alert)
  if (same.length === 0) return undefined
  const nodes = same.map((things): QueryNode => ({ kind: 'and', nodes: things.map(asField) }))
  return {
    kind: 'and',
    nodes: [
      { kind: 'or', nodes },
      { kind: 'not', node: { kind: 'or', nodes: noise } },
    ],
  }
}

/** The same as people type it: `rabbitmq.queue: "orders" and rabbitmq.vhost: "/"`. */
export function relatedQueryText(alert: AlertRecord): string {
  const groups = sameThings(alert).map((things) => things.map(({ path, value }) => `${path}: ${quoted(value)}`))
  if (groups.length === 1) return groups[0]?.join(' and ') ?? ''
  return groups.map((texts) => (texts.length > 1 ? `(${texts.join(' and ')})` : texts.join(''))).join(' or ')
}

const quoted = (text: string) => `"${text.replace(/["\\]/gu, '\\$&')}"`
const asField = ({ path, value }: Same): QueryNode => ({ kind: 'field', path, value, isPattern: false })

/** Figures, and what the alerter itself has said. */
const noise: readonly QueryNode[] = [
  asField({ path: 'event.dataset', value: 'rabbitmq.queue' }),
  asField({ path: 'event.dataset', value: 'rabbitmq.node' }),
  asField({ path: 'event.dataset', value: 'rabbitmq.attribution' }),
  asField({ path: 'service.type', value: 'thump' }),
]
