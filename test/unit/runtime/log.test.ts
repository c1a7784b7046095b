import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { UnavailableError } from '../../../runtime/errors.ts'
import { createLogger } from '../../../runtime/log.ts'

function logged(err: unknown, level: 'info' | 'debug' = 'info'): Record<string, unknown> {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  createLogger({ level, format: 'json', colour: false, destination }).error({ err }, 'failed')
  return (JSON.parse(lines[0] ?? '') as { err: Record<string, unknown> }).err
}

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
  syscall: 'connect',
  code: 'ECONNREFUSED',
})

test('what is away is logged by its reason, once and without a stack', () => {
  expect(logged(new UnavailableError('RabbitMQ', refused))).toEqual({
    type: 'UnavailableError',
    code: 'THUMP_UNAVAILABLE',
    message: 'RabbitMQ is unavailable: connect ECONNREFUSED 127.0.0.1:9',
  })
})

test('a library’s word for it is followed by what really happened', () => {
  expect(logged(new TypeError('fetch failed', { cause: refused }))).toEqual({
    type: 'TypeError',
    message: 'fetch failed: connect ECONNREFUSED 127.0.0.1:9',
  })
})

test('a disk that is full is no mistake of ours when SQLite says it', () => {
  const full = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })
  const misspelt = Object.assign(new Error('no such table: t'), { code: 'ERR_SQLITE_ERROR', errcode: 1 })
  expect(logged(full)).toEqual({ type: 'Error', code: 'ERR_SQLITE_ERROR', message: 'database or disk is full' })
  expect(logged(misspelt)).toHaveProperty('stack')
})

test('a mistake of ours is logged with its stack', () => {
  expect(logged(new TypeError('x is not a function'))['stack']).toContain('log.test.ts')
})

test('who asks for details sees the stack of what is away as well', () => {
  expect(logged(new UnavailableError('RabbitMQ', refused), 'debug')['stack']).toContain('log.test.ts')
})

test('a log for people has each line in its order, also those written before what makes them pretty is read', async () => {
  let text = ''
  const destination = new Writable({
    write(chunk, _, done) {
      text += String(chunk)
      done()
    },
  })
  const log = createLogger({ level: 'info', format: 'pretty', colour: false, destination }).child({
    component: 'agent',
  })
  log.info('at once')
  log.info('and again')
  await expect.poll(() => text).toContain('and again')
  log.warn('later')
  await expect.poll(() => text).toContain('later')
  expect(
    text
      .replaceAll(/\d\d:\d\d:\d\d\.\d{3}/g, 'TIME')
      .trimEnd()
      .split('\n'),
  ).toEqual(['[TIME] INFO: agent at once', '[TIME] INFO: agent and again', '[TIME] WARN: agent later'])
})
