import { expect, test } from 'vitest'
import { interpolate } from '../../../runtime/config/interpolate.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { printConfig } from '../../../runtime/config/print.ts'
import { hideUriPassword } from '../../../runtime/config/secret.ts'
import { parseDuration, parseSize } from '../../../runtime/config/units.ts'
import { ConfigError } from '../../../runtime/errors.ts'

/** Loads text as `t.yaml`, with named other files and environment. */
function load(
  text: string,
  { set = [] as string[], env = {} as Record<string, string>, files = {} as Record<string, string> } = {},
) {
  return loadConfig(
    { file: '/t.yaml', set },
    { env: (name) => env[name], file: (path) => (path === '/t.yaml' ? text : files[path]) },
  )
}

function problemsOf(text: string, options?: Parameters<typeof load>[1]): string[] {
  try {
    load(text, options)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return []
}

test('an empty file is the built-in defaults', () => {
  expect(load('').config.transport.kind).toBe('embedded')
  expect(load('').config.agent.firehose.enabled).toBe(false)
})

test('all problems are told at once, each at its own place, in the order of the file', () => {
  const text = [
    'clustr: orders',
    'transport:',
    '  kind: kafka',
    '  kafka:',
    '    linger: 5 seconds',
    'agent:',
    '  logs:',
    '  - {format: auto}',
  ].join('\n')
  expect(problemsOf(text)).toEqual([
    '/t.yaml:1:1 clustr: unknown key "clustr"; did you mean "cluster"?',
    '/t.yaml:5:5 transport.kafka.linger: "5 seconds" is not a duration; write it as 250ms, 5s, 10m, 2h or 7d',
    '/t.yaml:8:5 agent.logs[0].paths: is required: a list',
  ])
})

test.each([
  ['a map that is not closed', 'agent: {', /^\/t\.yaml:\d+:\d+ /],
  ['a list instead of sections', '- a', /must be a map of sections/],
  ['a key written twice', 'cluster: a\ncluster: b', /t\.yaml:2:1/],
  ['a zone nobody knows', 'timezone: Asia/Soul', /is not a time zone/],
  [
    'a route to a channel that is not there',
    'alerting: {routes: [{to: [nobody]}]}',
    /channel "nobody" is not defined; known: none/,
  ],
  ['a broker that is not spoken to in AMQP', 'agent: {amqp: {url: "http://h:5672"}}', /write it as amqp:/],
  ['a search node without a scheme', 'storage: {elasticsearch: {nodes: ["es:9200"]}}', /write it as http:/],
  [
    'an address that is none',
    'alerting: {channels: {a: {type: email, from: me, to: [x@y.z]}}}',
    /"me" is not a mail address/,
  ],
])('%s is refused with its place', (_, text, expected) => {
  expect(problemsOf(text).join('\n')).toMatch(expected)
})

test('a value set on the command line wins over the file, and is named in its problem', () => {
  expect(load('cluster: a', { set: ['cluster=b'] }).config.cluster).toBe('b')
  expect(problemsOf('', { set: ['agent.events.enabled=maybe'] })[0]).toMatch(/^--set agent\.events\.enabled: /)
  expect(problemsOf('', { set: ['agnt.events.enabled=true'] })).toEqual([
    '--set agnt: unknown key "agnt"; did you mean "agent"?',
  ])
  expect(problemsOf('', { set: ['nonsense'] })).toEqual(['--set nonsense: write it as --set section.key=value'])
})

test('a password comes from the file beside it, without its last line break', () => {
  const { config } = load('agent: {amqp: {url: "amqp://h", username: mon, passwordFile: /run/p}}', {
    files: { '/run/p': 'hunter2\n' },
  })
  expect(config.agent.amqp?.password?.reveal()).toBe('hunter2')
})

test.each([
  ['is not there', {}, /file \/run\/p cannot be read/],
  ['is empty', { '/run/p': '\n' }, /file \/run\/p is empty/],
])('a password file that %s is a problem at its key', (_, files, expected) => {
  expect(problemsOf('agent:\n  amqp: {url: "amqp://h", passwordFile: /run/p}', { files }).join()).toMatch(expected)
})

test('a missing password file is told in the same run as the other problems', () => {
  expect(problemsOf('clustr: a\nagent: {amqp: {url: "amqp://h", passwordFile: /run/p}}')).toEqual([
    '/t.yaml:1:1 clustr: unknown key "clustr"; did you mean "cluster"?',
    '/t.yaml:2:33 agent.amqp.passwordFile: file /run/p cannot be read',
  ])
})

test('the password in a URL that is refused is not shown', () => {
  expect(problemsOf('agent: {amqp: {url: "http://mon:hunter2@h"}}').join()).not.toContain('hunter2')
})

test('a password is nowhere in the printed configuration, its errors or its JSON', () => {
  const loaded = load('agent: {amqp: {url: "amqp://mon:hunter2@h", username: mon, password: hunter2}}')
  expect(printConfig(loaded)).not.toContain('hunter2')
  expect(printConfig(loaded)).toContain('agent.amqp.password: [secret]')
  expect(JSON.stringify(loaded.config.agent.amqp?.password)).toBe('"[secret]"')
  expect(String(loaded.config.agent.amqp?.password)).toBe('[secret]')
})

test('the printed configuration says where each value came from', () => {
  const printed = printConfig(
    load('cluster: ${env:NAME}\ndataDir: /d', { env: { NAME: 'orders' }, set: ['log.level=debug'] }),
  )
  expect(printed).toContain('cluster: orders  # env:NAME')
  expect(printed).toContain('dataDir: /d  # /t.yaml:2:10')
  expect(printed).toContain('log.level: debug  # --set')
  expect(printed).toContain('transport.kind: embedded  # default')
})

test('the printed configuration has durations, sizes and addresses as they are written', () => {
  const printed = printConfig(
    load(`transport: {kafka: {linger: 1500ms, maxBatchBytes: 1MiB}}
storage: {sqlite: {retention: 48h, maxBytes: 20000001}}
health: {listen: "[::1]:7671"}
alerting:
  channels: {hook: {type: webhook, url: "http://h", timeout: 90s}, own: {type: command, command: [cat]}}
  routes: [{to: [hook], escalate: [{after: 1h, to: [own]}]}]`),
  )
  expect(printed.split('\n').map((line) => line.replace(/  #.*/, ''))).toEqual(
    expect.arrayContaining([
      'transport.kafka.linger: 1500ms',
      'transport.kafka.maxBatchBytes: 1MiB',
      'transport.kafka.createTopics.retention: 7d',
      'storage.sqlite.retention: 2d',
      'storage.sqlite.maxBytes: 20000001B',
      'health.listen: "[::1]:7671"',
      'console.listen: 127.0.0.1:7672',
      'alerting.channels.hook.timeout: 90s',
      'alerting.channels.own.timeout: 30s',
      'alerting.routes[0].escalate[0].after: 1h',
    ]),
  )
})

test.each([
  ['amqp://user:pw@host/v', 'amqp://user:[secret]@host/v'],
  ['amqp://host', 'amqp://host'],
  ['amqp://user:p@ss/w@host', 'amqp://user:[secret]@host'],
  ['plain text', 'plain text'],
])('the password of %s is hidden', (uri, expected) => {
  expect(hideUriPassword(uri)).toBe(expected)
})

const sources = {
  env: (name: string) => ({ A: 'x', EMPTY: '' })[name],
  file: (path: string) => (path === '/f' ? 'text\n' : undefined),
}
test.each([
  ['${env:A}/b', 'x/b'],
  ['${env:B:-d}', 'd'],
  ['${env:EMPTY:-d}', 'd'],
  ['${file:/f}', 'text'],
  ['a$$b', 'a$b'],
  ['${HOME}', '${HOME}'],
])('%s becomes %s', (text, expected) => {
  expect(interpolate(text, sources)).toMatchObject({ ok: true, text: expected })
})

test('a variable that is not set is named with what to do', () => {
  expect(interpolate('${env:B}', sources)).toMatchObject({
    ok: false,
    message: expect.stringContaining('B is not set'),
  })
})

test.each([
  ['250ms', 250],
  ['5s', 5000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['5', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
])('the duration %s is %s ms', (text, expected) => {
  expect(parseDuration(text)).toBe(expected)
})

test.each([
  ['64KiB', 65_536],
  ['1MiB', 1_048_576],
  ['2GiB', 2 ** 31],
  ['10', undefined],
  ['1MB', undefined],
])('the size %s is %s bytes', (text, expected) => {
  expect(parseSize(text)).toBe(expected)
})
