import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** The little of MQTT 3.1.1 and STOMP 1.2 that a test needs: one connection that subscribes to a topic and publishes to it. */
export interface OneTopic {
  publish(topic: string, body: string): void
  /** What came from the broker so far, as text. */
  readonly received: () => string
  close(): void
}

async function open(port: number): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  return { socket, received: () => text }
}

/** As guest. Resolves once the subscription is acknowledged. */
export async function mqttClient(port: number, topic: string): Promise<OneTopic> {
  const { socket, received } = await open(port)
  const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])
  const packet = (type: number, ...parts: Buffer[]) => {
    const rest = Buffer.concat(parts)
    socket.write(Buffer.concat([Buffer.from([type, rest.length]), rest]))
  }
  // Protocol level 4, a user with a password, a clean session, no keep-alive.
  packet(0x10, text('MQTT'), Buffer.from([4, 0xc2, 0, 0]), text('thump-test'), text('guest'), text('guest'))
  await once(socket, 'data')
  packet(0x82, Buffer.from([0, 1]), text(topic), Buffer.from([0]))
  await once(socket, 'data')
  return {
    publish: (to, body) => packet(0x30, text(to), Buffer.from(body)),
    received,
    close: () => socket.destroy(),
  }
}

/** As guest. Resolves once the subscription is acknowledged. */
export async function stompClient(port: number, destination: string): Promise<OneTopic> {
  const { socket, received } = await open(port)
  const frame = (command: string, headers: Record<string, string>, body = '') =>
    socket.write(
      `${command}\n${Object.entries(headers)
        .map(([name, value]) => `${name}:${value}\n`)
        .join('')}\n${body}\0`,
    )
  frame('CONNECT', { 'accept-version': '1.2', host: '/', login: 'guest', passcode: 'guest' })
  await once(socket, 'data')
  frame('SUBSCRIBE', { id: '1', destination, receipt: 'subscribed' })
  await once(socket, 'data')
  return {
    publish: (to, body) => frame('SEND', { destination: to, 'x-note': 'by stomp' }, body),
    received,
    close: () => socket.destroy(),
  }
}
