import { closeSync, openSync, writeSync } from 'node:fs'

/** What a busy broker writes: connections that come and go; one record in twenty is an error of two physical lines. */
export function record(index: number): string {
  const at = new Date(Date.UTC(2026, 10, 22) + Math.floor(index / 10)).toISOString().replace('T', ' ').slice(0, 23)
  const time = `${at}${String((index % 10) * 100 + 7).padStart(3, '0')}+00:00`
  const pid = `<0.${1000 + (index % 90_000)}.0>`
  const peer = `127.0.0.1:${20_000 + (index % 40_000)} -> 127.0.0.1:5672`
  const say = (level: string, text: string) => `${time} [${level}] ${pid} ${text}\n`
  switch (index % 20) {
    case 3:
      return (
        say('error', `Channel error on connection ${pid} (${peer}, vhost: '/', user: 'app'), channel 3:`) +
        say('error', `operation basic.ack caused a channel exception precondition_failed: unknown delivery tag 1`)
      )
    case 7:
      return say('warning', `closing AMQP connection ${pid} (${peer}, vhost: '/', user: 'app', duration: '2M, 3s'):`)
    default:
      return [
        say('info', `accepting AMQP connection ${pid} (${peer})`),
        say(
          'info',
          `connection ${pid} (${peer} - orders-consumer-7): user 'app' authenticated and granted access to vhost '/'`,
        ),
        say(
          'info',
          `closing AMQP connection ${pid} (${peer} - orders-consumer-7, vhost: '/', user: 'app', duration: '574ms')`,
        ),
      ][index % 3] as string
  }
}

export interface Written {
  readonly records: number
  readonly lines: number
  readonly bytes: number
}

/** Writes whole records until there are `lines` physical lines or more. */
export function writeLog(path: string, lines: number): Written {
  const fd = openSync(path, 'w')
  const written = { records: 0, lines: 0, bytes: 0 }
  while (written.lines < lines) {
    let chunk = ''
    for (let left = 10_000; left > 0 && written.lines < lines; left--) {
      written.lines += written.records % 20 === 3 ? 2 : 1
      chunk += record(written.records++)
    }
    written.bytes += writeSync(fd, chunk)
  }
  closeSync(fd)
  return written
}
