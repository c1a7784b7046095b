import { BoundedMap } from './bounded-map.ts'

/** A client's connection, as far as events, the broker's list and log lines have told of it. */
export interface KnownConnection {
  /** `ip:port -> ip:port`, or `<node.pid>` of a direct one. */
  readonly name: string
  readonly node?: string | undefined
  readonly pid?: string | undefined
  readonly user?: string | undefined
  readonly vhost?: string | undefined
  readonly ip?: string | undefined
  readonly port?: number | undefined
  readonly client?: string | undefined
  /** `0-9-1`, `1-0`, …; only the first does its deeds over channels. */
  readonly protocol?: string | undefined
  readonly openedMs: number
  closedMs?: number | undefined
  /** Open channels as counted; of one from the list at least these. */
  channels: number
}

export interface KnownChannel {
  readonly connection: string
  readonly number?: number | undefined
}

export const maxConnections = 50_000
const maxChannels = 100_000
/** A closed connection is kept so long (event time): its log line and what its own end brought about come after. */
const closedKeptMs = 60_000
const maxClosed = 5000

/** Open connections and channels by name, by user and by Erlang pid. Bounded; says when it had to forget. */
export class Connections {
  readonly #byName = new BoundedMap<KnownConnection>(maxConnections, (gone) => this.#unindex(gone))
  readonly #byUser = new Map<string, Set<KnownConnection>>()
  readonly #byPid = new Map<string, KnownConnection>()
  readonly #channels = new BoundedMap<KnownChannel>(maxChannels)
  #closed: KnownConnection[] = []

  get size(): number {
    return this.#byName.size
  }

  get forgotten(): number {
    return this.#byName.forgotten
  }

  open(connection: KnownConnection): void {
    // A port is used again: the one before is over, whether its end was told or not.
    const before = this.#byName.get(connection.name)
    // A message that is delivered again tells nothing new.
    if (before && before.pid !== undefined && before.pid === connection.pid) return
    if (before) this.#unindex(before)
    this.#byName.set(connection.name, connection)
    const { user, pid } = connection
    if (user !== undefined) {
      const same = this.#byUser.get(user)
      if (same) same.add(connection)
      else this.#byUser.set(user, new Set([connection]))
    }
    if (pid !== undefined) this.#byPid.set(localPid(pid), connection)
  }

  close(connection: KnownConnection, atMs: number): void {
    if (connection.closedMs !== undefined) return
    connection.closedMs = atMs
    this.#closed.push(connection)
    const isOver = ({ closedMs = atMs }: KnownConnection) => closedMs < atMs - closedKeptMs
    let over = Math.max(0, this.#closed.length - maxClosed)
    while (over < this.#closed.length && isOver(this.#closed[over] as KnownConnection)) over++
    for (const gone of this.#closed.splice(0, over)) {
      if (this.#byName.get(gone.name) === gone) this.#byName.delete(gone.name)
      this.#unindex(gone)
    }
  }

  byName(name: string | undefined): KnownConnection | undefined {
    return name === undefined ? undefined : this.#byName.get(name)
  }

  /** `<node.creation.id.serial>` as events carry it. */
  byPid(pid: string | undefined): KnownConnection | undefined {
    return pid === undefined ? undefined : this.#byPid.get(localPid(pid))
  }

  /** `node/id.serial`, as linePid makes it. */
  byLocalPid(pid: string | undefined): KnownConnection | undefined {
    if (pid === undefined) return undefined
    return this.#byPid.get(pid) ?? this.byName(this.#channels.get(pid)?.connection)
  }

  openChannel(pid: string, channel: KnownChannel): void {
    const key = localPid(pid)
    const connection = this.byName(channel.connection)
    if (connection && this.#channels.get(key)?.connection !== channel.connection) connection.channels++
    this.#channels.set(key, channel)
  }

  closeChannel(pid: string): void {
    const key = localPid(pid)
    const connection = this.byName(this.#channels.get(key)?.connection)
    if (connection && connection.channels > 0) connection.channels--
    this.#channels.delete(key)
  }

  channel(pid: string | undefined): KnownChannel | undefined {
    return pid === undefined ? undefined : this.#channels.get(localPid(pid))
  }

  /** Of one user: those that were open at `atMs` and could have done something in `vhost`, oldest first. */
  possible(user: string, vhost: string | undefined, atMs: number): KnownConnection[] {
    const found: KnownConnection[] = []
    for (const connection of this.#byUser.get(user) ?? []) {
      const { openedMs, closedMs = Number.POSITIVE_INFINITY, protocol = '0-9-1', channels } = connection
      const isThere = openedMs <= atMs && closedMs >= atMs
      const isInVhost = vhost === undefined || connection.vhost === undefined || connection.vhost === vhost
      const isAble = protocol !== '0-9-1' || channels > 0 || closedMs !== Number.POSITIVE_INFINITY
      if (isThere && isInVhost && isAble) found.push(connection)
    }
    return found
  }

  all(): IterableIterator<KnownConnection> {
    return this.#byName.values()
  }

  channels(): IterableIterator<[string, KnownChannel]> {
    return this.#channels.entries()
  }

  /** Puts back what a snapshot kept. */
  restoreChannel(key: string, channel: KnownChannel): void {
    this.#channels.set(key, channel)
  }

  #unindex(connection: KnownConnection): void {
    const { user, pid } = connection
    if (user !== undefined) {
      const same = this.#byUser.get(user)
      same?.delete(connection)
      if (same?.size === 0) this.#byUser.delete(user)
    }
    if (pid !== undefined && this.#byPid.get(localPid(pid)) === connection) this.#byPid.delete(localPid(pid))
  }
}

/** `<rabbit@host.creation.id.serial>` without its creation, which log lines do not carry: `rabbit@host/id.serial`. */
export function localPid(pid: string): string {
  const found = /^<(.+)\.\d+\.(\d+\.\d+)>$/.exec(pid)
  return found ? `${found[1]}/${found[2]}` : pid
}

/** The pid of a log line, `<0.id.serial>`, on the node that wrote it. */
export function linePid(node: string, pid: string): string | undefined {
  const found = /^<0\.(\d+\.\d+)>$/.exec(pid)
  return found ? `${node}/${found[1]}` : undefined
}
