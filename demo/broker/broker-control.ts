import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'
import type { NodePlace } from './broker-config.ts'
import { nodeEnvironment } from './broker-config.ts'
import type { ServerUser } from './processes.ts'

/** The administrator that every fresh node has, on loopback only. */
export const admin = { username: 'guest', password: 'guest' } as const
const authorization = `Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString('base64')}`

/** Does the node serve: management up, and its AMQP listener in the overview? */
export async function isReady(managementUrl: string): Promise<boolean> {
  try {
    const overview = (await callApi(managementUrl, 'GET', '/api/overview')) as { listeners?: { protocol: string }[] }
    // The management plugin answers before the node has opened its AMQP port.
    return overview.listeners?.some(({ protocol }) => protocol === 'amqp') === true
  } catch {
    return false
  }
}

/** An administrator's call of the management API; undefined where it answers without a body. Throws on an error status. */
export async function callApi(managementUrl: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${managementUrl}${path}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(15_000),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok)
    throw new UnavailableError(`${method} ${path}`, new Error(`${response.status} ${text.slice(0, 300)}`))
  return text === '' ? undefined : JSON.parse(text)
}

export type BrokerTool = 'rabbitmqctl' | 'rabbitmq-plugins' | 'rabbitmq-upgrade'

/** A tool of the broker against the node; resolves with its standard output, throws with what it said when it fails. */
export function runTool(
  tool: BrokerTool,
  place: NodePlace,
  user: ServerUser | undefined,
  args: readonly string[],
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(place.root.sbin, tool), args, {
      env: nodeEnvironment(place),
      cwd: place.base,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...user,
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0
        ? resolve(out)
        : reject(new UnavailableError(`${tool} ${args[0] ?? ''}`, new Error((err || out).trim().slice(-500)))),
    )
  })
}
