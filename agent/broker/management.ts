import type { Secret } from '../../runtime/config/secret.ts'
import { UnavailableError } from '../../runtime/errors.ts'
import { quoted } from './quoted.ts'

export interface ManagementAccount {
  readonly url: string
  readonly username: string
  readonly password?: Secret | undefined
}

/** Long lists of a busy broker take their time. */
const timeoutMs = 15_000

export interface ManagementRequest {
  /** The body of a PUT; absent: a GET. */
  readonly put?: object
  /** Error statuses whose body is the answer all the same. */
  readonly accept?: readonly number[]
}

/** One request to the management API of the node beside us. Throws UnavailableError that names the status. */
export async function askManagement(
  { url, username, password }: ManagementAccount,
  path: string,
  signal: AbortSignal,
  { put, accept = [] }: ManagementRequest = {},
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${url.replace(/\/$/, '')}/api${path}`, {
    method: put ? 'PUT' : 'GET',
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password?.reveal() ?? ''}`).toString('base64')}`,
      ...(put && { 'content-type': 'application/json' }),
    },
    ...(put && { body: JSON.stringify(put) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const text = await response.text()
  if (response.status === 401) throw new UnavailableError('management API', new RefusedLogin(username, reasonIn(text)))
  if (!response.ok && !accept.includes(response.status))
    throw new UnavailableError('management API', new Error(`${response.status} to ${put ? 'PUT' : 'GET'} ${path}`))
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

/** Status 401: the broker says by its reason which of several it is. */
export class RefusedLogin extends Error {
  /** What mends it. */
  readonly fix: string

  constructor(username: string, reason: string) {
    const [why, fix] = told(quoted(username), reason)
    super(`401, ${why}`)
    this.fix = fix
  }
}

/** Words of RabbitMQ 3.10 and 4.0; what is wrong with a name or a password, no version tells apart. */
function told(user: string, reason: string): readonly [why: string, fix: string] {
  if (/^Not \w+ user/.test(reason))
    return [`${user} lacks the tag 'monitoring'`, `rabbitmqctl set_user_tags ${user} monitoring`]
  if (/localhost/.test(reason))
    return [`${user} may log in from the broker's own host only`, 'thump setup rabbitmq prints how to make a user']
  return [
    `${user} is unknown or the password is wrong`,
    `rabbitmqctl change_password ${user} …, or thump setup rabbitmq to make a user`,
  ]
}

function reasonIn(text: string): string {
  try {
    const { reason } = JSON.parse(text) as { reason?: unknown }
    return typeof reason === 'string' ? reason : ''
  } catch {
    return ''
  }
}

/** How many nodes the cluster has, running or not. Throws UnavailableError. */
export async function countNodes(account: ManagementAccount, signal: AbortSignal): Promise<number> {
  const nodes = await askManagement(account, '/nodes?columns=name', signal)
  return Array.isArray(nodes) ? nodes.length : 0
}
