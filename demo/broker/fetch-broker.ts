import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'
import { unpackPackages } from './debian-packages.ts'
import { makeOnce } from './make-once.ts'
import { relocateErlang } from './relocate-erlang.ts'

/** A Debian release and the RabbitMQ it carries: bookworm 3.10, trixie 4.0. */
export type Codename = 'bookworm' | 'trixie'

export interface FetchRequest {
  readonly codename: Codename
  /** Where the unpacked root is kept; reused when complete. */
  readonly dir: string
  readonly onProgress: (line: string) => void
}

/** Where a RabbitMQ lies: `sbin` holds rabbitmq-server, `erlangBin` the erl it needs. */
export interface BrokerRoot {
  readonly root: string
  readonly sbin: string
  readonly erlangBin: string
  /** Erlang's root, for releases that were moved. */
  readonly erlangRoot?: string
}

/** The RabbitMQ installed on this machine, run without its user-switching wrappers; undefined where there is none. */
export function installedBroker(): BrokerRoot | undefined {
  const sbin = '/usr/lib/rabbitmq/bin'
  if (!existsSync(join(sbin, 'rabbitmq-server'))) return undefined
  const erlangBin = ['/usr/lib/erlang/bin', '/usr/local/lib/erlang/bin', '/usr/bin'].find((dir) =>
    existsSync(join(dir, 'erl')),
  )
  return erlangBin === undefined ? undefined : { root: '/', sbin, erlangBin }
}

/**
 * Unpacks RabbitMQ and its Erlang from Debian's own packages, without root and without touching the system; at once where
 * that was done before. Throws UnavailableError with what is missing.
 */
export async function fetchBroker({ codename, dir, onProgress }: FetchRequest): Promise<BrokerRoot> {
  const home = await makeOnce(join(dir, `rabbitmq-${codename}`), async (work) => {
    await unpackPackages({ codename, work, packages: ['rabbitmq-server'], onProgress })
    relocateErlang(join(work, 'root'), join(dir, `rabbitmq-${codename}`, 'root'))
    onProgress('RabbitMQ is unpacked')
  })
  return unpackedBroker(join(home, 'root'))
}

function unpackedBroker(root: string): BrokerRoot {
  const lib = join(root, 'usr/lib/rabbitmq/lib')
  const server = readdirSync(lib).find((name) => name.startsWith('rabbitmq_server-'))
  if (server === undefined)
    throw new UnavailableError(`RabbitMQ below ${root}`, new Error('remove the folder and start again'))
  return {
    root,
    sbin: join(lib, server, 'sbin'),
    erlangBin: join(root, 'usr/lib/erlang/bin'),
    erlangRoot: join(root, 'usr/lib/erlang'),
  }
}
