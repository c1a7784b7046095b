import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Started } from '../../runtime/shutdown.ts'

export interface TcpProxy {
  /** Stays the same over `down` and `up`. */
  readonly port: number
  /** `127.0.0.1:port` */
  readonly address: string
  readonly connections: () => number
  /** Bytes carried so far, both ways. */
  readonly carried: () => number
  /** Connections stay open and are accepted, but nothing passes until `resume`. */
  stall(): void
  resume(): void
  /** Resets (RST) every open connection; new ones are served. */
  reset(): void
  /** Resets everything and refuses new connections until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  /** Resets every connection once this many more bytes have passed, counted over all; undefined takes it back. */
  cutAfter(bytes: number | undefined): void
  /** Resets the connection of each client that sends the text, as guards do that dislike a body; undefined takes it back. */
  resetOn(text: string | undefined): void
  /** Each chunk waits this long, in order. */
  latency(ms: number): void
}

/** A TCP relay on loopback whose faults are switched at run time. */
export async function startTcpProxy(target: { port: number; host?: string }): Promise<Started<TcpProxy>> {
  const open = new Set<Socket>()
  const state = {
    delayMs: 0,
    carried: 0,
    budget: undefined as number | undefined,
    disliked: undefined as string | undefined,
  }
  let gate: { opened: Promise<void>; open: () => void } | undefined
  const reset = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: target.port, host: target.host ?? '127.0.0.1', allowHalfOpen: true })
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => peer.resetAndDestroy())
      socket.on('close', () => {
        open.delete(socket)
        if (!peer.destroyed && !peer.writable) peer.destroy()
      })
      void relay(socket, peer, socket === client)
    }
  })

  async function relay(from: Socket, to: Socket, isClient: boolean): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        await gate?.opened
        if (state.delayMs > 0) await new Promise((resolve) => void setTimeout(resolve, state.delayMs))
        await gate?.opened
        if (isClient && state.disliked !== undefined && chunk.includes(state.disliked)) {
          from.resetAndDestroy()
          to.resetAndDestroy()
          return
        }
        if (!(await forward(chunk, to))) return
      }
      to.end()
    } catch {
      to.resetAndDestroy()
    }
  }

  /** False when this chunk was cut. */
  async function forward(chunk: Buffer, to: Socket): Promise<boolean> {
    const allowed = Math.min(chunk.length, state.budget ?? chunk.length)
    state.carried += allowed
    if (state.budget !== undefined) state.budget -= allowed
    if (allowed > 0 && !to.destroyed && !to.write(chunk.subarray(0, allowed))) await once(to, 'drain')
    if (allowed === chunk.length) return true
    state.budget = undefined
    // What may pass is on its way before the reset overtakes it.
    setImmediate(reset)
    return false
  }

  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const close = async () => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
    reset()
    await closed
  }
  await listen(0)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const resume = () => {
    gate?.open()
    gate = undefined
  }
  const value: TcpProxy = {
    port,
    address: `127.0.0.1:${port}`,
    connections: () => open.size / 2,
    carried: () => state.carried,
    stall: () => {
      if (gate) return
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = { opened: promise, open: resolve }
    },
    resume,
    reset,
    down: async () => {
      if (server.listening) await close()
    },
    up: async () => {
      if (!server.listening) await listen(port)
    },
    cutAfter: (bytes) => void (state.budget = bytes),
    resetOn: (text) => void (state.disliked = text),
    latency: (ms) => void (state.delayMs = ms),
  }
  const stop = async () => {
    resume()
    if (server.listening) await close()
  }
  return { value, stop }
}
