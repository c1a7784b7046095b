import { randomBytes } from 'node:crypto'
import type { Broker } from './broker/start-broker.ts'

export interface Account {
  readonly username: string
  readonly password: string
}

/** Who acts on the demo's own broker: Thump itself, an application and a person. */
export interface DemoAccounts {
  readonly thump: Account
  readonly shopApp: Account
  readonly alice: Account
}

/** What Thump's own user may do in a virtual host: its own `mon.*` queues, and reading the broker's two event exchanges. */
export const thumpPermissions = {
  configure: String.raw`^mon\.`,
  write: String.raw`^mon\.`,
  read: String.raw`^(mon\..*|amq\.rabbitmq\.(trace|event|log))$`,
} as const

const shopPermissions = { configure: '^shop[.-]', write: '^shop[.-]', read: '^shop[.-]' } as const

/** Creates the demo's users with fresh passwords, or gives existing ones fresh passwords. */
export async function createDemoAccounts(broker: Broker): Promise<DemoAccounts> {
  const make = async (
    username: string,
    tags: string,
    permissions: typeof thumpPermissions | typeof shopPermissions,
  ) => {
    const password = randomBytes(12).toString('base64url')
    await broker.api('PUT', `/api/users/${username}`, { password, tags })
    await broker.api('PUT', `/api/permissions/%2F/${username}`, permissions)
    return { username, password }
  }
  return {
    thump: await make('thump', 'monitoring', thumpPermissions),
    shopApp: await make('shop-app', '', shopPermissions),
    alice: await make('alice', 'management', shopPermissions),
  }
}

/** Copies of every message go to `amq.rabbitmq.trace` from now on; only ever for the demo's own broker. */
export async function switchTracingOn(broker: Broker, vhost = '/'): Promise<void> {
  await broker.api('PUT', `/api/vhosts/${encodeURIComponent(vhost)}`, { tracing: true })
}
