import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type Socket } from 'node:net'

/**
 * A child of firehose-path.ts: `node firehose-feed.ts WARM COUNT`. As much of a broker as a firehose needs, so that a
 * reader's cost is measured without one: takes whatever is declared, and delivers as fast as it is acknowledged WARM traces,
 * and COUNT more on SIGUSR2. Prints its port, and a line each time all are acknowledged.
 */
const [, , warm, count] = process.argv.map(Number)
let total = warm ?? 0
let current: Feed | undefined
process.on('SIGUSR2', () => {
  total += count ?? 0
  current?.go()
})
/** Different ones, over and over: nothing of a trace is found in a cache by its whole. */
const distinct = 4000

const u16 = (value: number) => Buffer.from([value >> 8, value & 255])
function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const short = (text: string) => Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)])
const long = (bytes: Uint8Array) => Buffer.concat([u32(bytes.length), bytes])

function field(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.concat([Buffer.from('S'), long(Buffer.from(value))])
  if (typeof value === 'number') return Buffer.concat([Buffer.from('I'), u32(value)])
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('A'), long(Buffer.concat(value.map(field)))])
  return Buffer.concat([Buffer.from('F'), table(value as object)])
}

function table(values: object): Buffer {
  return long(Buffer.concat(Object.entries(values).flatMap(([key, value]) => [short(key), field(value)])))
}

function frame(type: number, channel: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type]), u16(channel), u32(payload.length), payload, Buffer.from([0xce])])
}

const method = (channel: number, classId: number, id: number, ...args: Buffer[]) =>
  frame(1, channel, Buffer.concat([u16(classId), u16(id), ...args]))

function traceOf(n: number): Buffer[] {
  const isPublish = n % 2 === 0
  const id = randomUUID()
  const headers = {
    exchange_name: 'shop.in',
    routing_keys: [`order.${n}.new`],
    properties: {
      content_type: 'application/json',
      headers: {
        traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
        shop: 'seoul',
      },
      delivery_mode: 2,
      message_id: id,
      timestamp: 1_764_200_000,
    },
    node: 'rabbit@mq1',
    ...(isPublish ? {} : { redelivered: 0 }),
    vhost: '/',
    connection: `10.0.0.${n % 250}:41060 -> 10.0.0.1:5672`,
    channel: 1,
    user: 'app',
    ...(isPublish && { routed_queues: ['shop.orders'] }),
  }
  const items = Array.from({ length: 6 }, () => ({ sku: randomUUID(), name: 'paid total KRW', qty: 2, price: n / 100 }))
  const customer = { id: 100_000_000 + n, mail: `user${n}@example.com`, phone: `010-${1000 + (n % 9000)}-1234` }
  const body = Buffer.from(JSON.stringify({ order: `ORD-${20_261_127_000_000 + n}`, customer, items, note: 'shipped' }))
  const size = Buffer.concat([u32(0), u32(body.length)])
  const header = Buffer.concat([u16(60), u16(0), size, u16(0x2000), table(headers)])
  const key = isPublish ? 'publish.shop.in' : 'deliver.shop.orders'
  const before = Buffer.concat([u16(60), u16(60), short('c')])
  const after = Buffer.concat([Buffer.from([0]), short('amq.rabbitmq.trace'), short(key)])
  return [before, after, Buffer.concat([frame(2, 1, header), frame(3, 1, body)])]
}

const traces = Array.from({ length: distinct }, (_, n) => traceOf(n))

class Feed {
  readonly #socket: Socket
  #rest = Buffer.alloc(0)
  #isGreeted = false
  #window = 500
  #sent = 0
  #acked = 0
  #isConsuming = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {})
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    if (!this.#isGreeted) {
      this.#isGreeted = true
      this.#rest = this.#rest.subarray(8)
      const properties = table({ version: '4.0.5', cluster_name: 'orders', product: 'feed' })
      this.#socket.write(
        method(0, 10, 10, Buffer.from([0, 9]), properties, long(Buffer.from('PLAIN')), long(Buffer.from('en_US'))),
      )
    }
    while (this.#rest.length >= 8) {
      const end = this.#rest.readUInt32BE(3) + 8
      if (this.#rest.length < end) return
      const [type, payload] = [this.#rest[0], this.#rest.subarray(7, end - 1)]
      this.#rest = this.#rest.subarray(end)
      if (type === 1) this.#answer(payload.readUInt16BE(0), payload.readUInt16BE(2), payload)
    }
  }

  #answer(classId: number, id: number, payload: Buffer): void {
    const answers: Record<string, () => Buffer> = {
      '10.11': () => method(0, 10, 30, u16(2047), u32(131_072), u16(0)),
      '10.40': () => method(0, 10, 41, short('')),
      '10.50': () => method(0, 10, 51),
      '20.10': () => method(1, 20, 11, long(Buffer.alloc(0))),
      '20.40': () => method(1, 20, 41),
      '50.10': () => method(1, 50, 11, short('mon.fh.bench'), u32(0), u32(1)),
      '50.20': () => method(1, 50, 21),
      '60.10': () => method(1, 60, 11),
      '60.20': () => method(1, 60, 21, short('c')),
    }
    const name = `${classId}.${id}`
    if (name === '60.10') this.#window = payload.readUInt16BE(8)
    const answer = answers[name]
    if (answer) this.#socket.write(answer())
    if (name === '60.20') this.#isConsuming = true
    if (name === '60.80') this.#acked = Number(payload.readBigUInt64BE(4))
    if (this.#isConsuming && (name === '60.20' || name === '60.80')) this.go()
    if (name === '60.80' && this.#acked === total) process.stdout.write('done\n')
  }

  /** All that the window and the total allow. */
  go(): void {
    const parts: Buffer[] = []
    while (this.#sent < total && this.#sent - this.#acked < this.#window) {
      const [before, after, rest] = traces[this.#sent % distinct] as [Buffer, Buffer, Buffer]
      const tag = Buffer.alloc(8)
      tag.writeBigUInt64BE(BigInt(++this.#sent))
      parts.push(frame(1, 1, Buffer.concat([before, tag, after])), rest)
    }
    if (parts.length > 0) this.#socket.write(Buffer.concat(parts))
  }
}

const server = createServer((socket) => {
  current = new Feed(socket)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' && address ? address.port : ''}\n`)
})
