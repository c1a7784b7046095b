import type { Secret } from '../../runtime/config/secret.ts'
import { UnavailableError } from '../../runtime/errors.ts'

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
  if (!response.ok && !accept.includes(response.status))
    throw new UnavailableError('management API', new Error(`${response.status} to ${put ? 'PUT' : 'GET'} ${path}`))
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

/** How many nodes the cluster has, running or not. Throws UnavailableError. */
export async function countNodes(account: ManagementAccount, signal: AbortSignal): Promise<number> {
  const nodes = await askManagement(account, '/nodes?columns=name', signal)
  return Array.isArray(nodes) ? nodes.length : 0
}
