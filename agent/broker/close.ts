import type { ChannelModel } from 'amqplib'

/** Closes within `patienceMs`, else cuts the socket: a broker that hangs must not keep us, and must not keep our queue. */
export async function closeConnection(connection: ChannelModel, patienceMs = 2000): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      const { stream } = connection.connection as unknown as { stream?: { destroy(): void } }
      stream?.destroy()
      resolve()
    }, patienceMs)
  })
  await Promise.race([connection.close().catch(() => {}), late])
  clearTimeout(timer)
}
