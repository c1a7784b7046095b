import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { sleep } from '../../runtime/retry.ts'
import type { Started } from '../../runtime/shutdown.ts'
import { type Kafka, startKafka } from '../servers/kafka.ts'
import type { BenchTable } from './bench.ts'
import { cpuMs, peakBytes } from './process-use.ts'
import { type Written, writeLog } from './rabbitmq-load.ts'
import { startRsyslog, startThump, startTunedRsyslog, type ShipRequest } from './shippers.ts'

type Row = BenchTable['rows'][number]
type Admin = ReturnType<KafkaClient['admin']>
type Compression = ShipRequest['compression']

interface Measured {
  readonly name: Name
  readonly compression: Compression
  readonly linesPerSecond: number
  readonly linesPerCpuSecond: number
  readonly peakMb: number
}

const shippers = {
  'thump (full events)': startThump,
  'rsyslog as packaged (raw lines)': startRsyslog,
  'rsyslog tuned (raw lines)': startTunedRsyslog,
}
type Name = keyof typeof shippers
const isThump = (name: Name) => name.startsWith('thump')

const partitions = 4
const patienceMs = 300_000

/**
 * The whole way of a log: from the file into a real Kafka, acks=all, beside rsyslog (imfile → omkafka) on the same lines,
 * as Debian packages it and as its manual tunes it. Thump makes full events of them, rsyslog hands each line on as it is.
 * `--lines N` (2,000,000), `--only thump|rsyslog`, `--compression a,b` (none,zstd).
 */
export default async function tail(argv: readonly string[]): Promise<BenchTable> {
  const option = (name: string) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined)
  const lines = Number(option('--lines') ?? 2_000_000)
  const compressions = (option('--compression') ?? 'none,zstd').split(',') as Compression[]
  const names = (Object.keys(shippers) as Name[]).filter((name) => name.startsWith(option('--only') ?? ''))
  const base = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  let kafka: Started<Kafka> | undefined
  try {
    kafka = await startKafka()
    const written = writeLog(join(base, 'load'), lines)
    const measured: Measured[] = []
    for (const compression of compressions)
      for (const name of names) measured.push(await measure(name, compression, kafka.value, base, written))
    const size = Math.round(written.bytes / written.lines)
    return {
      title: `${written.lines.toLocaleString('en-US')} lines of ${size} B from a file into Kafka, acks=all, 1 file`,
      rows: measured.map((one) => rowOf(one, measured)),
    }
  } finally {
    await kafka?.stop()
    rmSync(base, { recursive: true, force: true })
  }
}

function rowOf(one: Measured, all: readonly Measured[]): Row {
  const times = (name: Name) => {
    const peer = all.find((other) => other.name === name && other.compression === one.compression)
    return peer ? (one.linesPerCpuSecond / peer.linesPerCpuSecond).toFixed(2) : '-'
  }
  return {
    shipper: one.name,
    compression: one.compression,
    'lines/s': Math.round(one.linesPerSecond),
    'lines/CPU-s': Math.round(one.linesPerCpuSecond),
    '× as packaged': times('rsyslog as packaged (raw lines)'),
    '× tuned': times('rsyslog tuned (raw lines)'),
    'peak RSS MB': one.peakMb,
  }
}

/** From the moment the file is there until the last of its lines is in Kafka; starting the program is not counted. */
async function measure(
  name: Name,
  compression: Compression,
  kafka: Kafka,
  base: string,
  written: Written,
): Promise<Measured> {
  const topic = `${name.replaceAll(/\W+/g, '-')}${compression}`
  const folder = join(base, topic)
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const [source, live] = [join(base, 'load'), join(folder, 'logs/rabbit.log')]
  const client = new KafkaClient({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
    const shipper = await shippers[name]({ brokers: kafka.brokers, topic, folder, live, compression })
    try {
      const before = cpuMs([shipper.pid])
      const startedMs = performance.now()
      renameSync(source, live)
      await untilThere(admin, topic, isThump(name) ? written.records : written.lines)
      const seconds = (performance.now() - startedMs) / 1000
      const cpuSeconds = (cpuMs([shipper.pid]) - before) / 1000
      return {
        name,
        compression,
        linesPerSecond: written.lines / seconds,
        linesPerCpuSecond: written.lines / cpuSeconds,
        peakMb: Math.round(peakBytes(shipper.pid) / 1e6),
      }
    } finally {
      await shipper.stop()
      renameSync(live, source)
    }
  } finally {
    await admin.disconnect()
  }
}

async function untilThere(admin: Admin, topic: string, records: number): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (let there = 0; ; await sleep(100)) {
    there = (await admin.fetchTopicOffsets(topic)).reduce((sum, { offset }) => sum + Number(offset), 0)
    if (there >= records) return
    if (performance.now() > deadline)
      throw new Error(`${topic}: only ${there} of ${records} came within ${patienceMs} ms`)
  }
}
