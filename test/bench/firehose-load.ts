import { connect } from 'amqplib'
import { declareTraceQueue } from '../../agent/sources/firehose/queue.ts'

/** A child of firehose.bench.ts: `publish URL RATE SECONDS` (0: as fast as confirms come), or `consume URL`, a plain reader of the firehose that prints how many it has read on SIGUSR2. */
const [role, url = '', rate = '0', seconds = '0'] = process.argv.slice(2)
const connection = await connect(url)
if (role === 'consume') await consume()
else await publish(Number(rate), Number(seconds))

async function consume(): Promise<void> {
  const channel = await connection.createChannel()
  await channel.prefetch(500)
  const queue = await declareTraceQueue(channel, { publish: ['#'], deliver: ['#'] }, undefined)
  let [unacknowledged, read] = [0, 0]
  process.on('SIGUSR2', () => void process.stdout.write(`${read}\n`))
  await channel.consume(queue, (message) => {
    if (!message) return
    read++
    if (++unacknowledged < 250) return
    unacknowledged = 0
    channel.ack(message, true)
  })
  process.stdout.write('consuming\n')
}

async function publish(perSecond: number, forS: number): Promise<void> {
  const channel = await connection.createConfirmChannel()
  const reader = await connection.createChannel()
  await channel.assertExchange('bench.in', 'topic', { durable: false })
  await channel.assertQueue('bench.orders', { durable: false })
  await channel.bindQueue('bench.orders', 'bench.in', '#')
  let delivered = 0
  await reader.consume('bench.orders', () => delivered++, { noAck: true })
  const body = Buffer.from(JSON.stringify({ order: 4711, mail: 'kim@example.com', filler: 'x'.repeat(960) }))
  let confirmed = 0
  let pending = 0
  const startedMs = performance.now()
  const elapsedS = () => (performance.now() - startedMs) / 1000
  let sent = 0
  while (elapsedS() < forS) {
    const due = perSecond === 0 ? Infinity : elapsedS() * perSecond
    while (sent < due && pending < 1000) {
      pending++
      const messageId = `m-${process.pid}-${sent++}`
      channel.publish(
        'bench.in',
        `order.${sent % 1000}`,
        body,
        { contentType: 'application/json', messageId, headers: { shop: 'seoul', trace: messageId } },
        () => {
          pending--
          confirmed++
        },
      )
    }
    await new Promise((resolve) => void setTimeout(resolve, 2))
  }
  const took = elapsedS()
  await channel.waitForConfirms()
  while (delivered < sent) await new Promise((resolve) => void setTimeout(resolve, 20))
  process.stdout.write(`${JSON.stringify({ sent, perSecond: confirmed / took })}\n`)
  await connection.close()
}
