import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../../runtime/config/load.ts'
import { configSchema } from '../../../runtime/config/schema.ts'
import { ConfigError } from '../../../runtime/errors.ts'

/** What is wrong with a file, without its places. */
function wordsOf(text: string): string[] {
  try {
    loadConfig({ file: '/t.yaml' }, { env: () => undefined, file: (path) => (path === '/t.yaml' ? text : undefined) })
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path} ${message}`)
    throw error
  }
  return []
}

test.each([
  ['agent: {events: {maxLength: 5}}', 'agent.events.maxLength must be at least 100, not 5'],
  ['agent: {events: {maxLength: 150.5}}', 'agent.events.maxLength must be a whole number, not 150.5'],
  ['agent: {firehose: {maxRate: 0}}', 'agent.firehose.maxRate must be greater than 0, not 0'],
  ['agent: {firehose: {stopWhen: {memory: 70}}}', 'agent.firehose.stopWhen.memory must be at most 1, not 70'],
  ['agent: {events: {enabled: yes}}', 'agent.events.enabled must be true or false, not "yes"'],
  ['agent: {logs: {paths: [/a]}}', 'agent.logs must be a list, not a map'],
  ['agent: {logs: [{paths: []}]}', 'agent.logs[0].paths is an empty list'],
  ['agent: {logs: [{paths: /a}]}', 'agent.logs[0].paths must be a list, not text'],
  ['agent:', 'agent has no value: give a map, or remove the key'],
  ['transport: kafka', 'transport must be a map, not text'],
  ['cluster: 7', 'cluster must be text, not a number; put it in quotes'],
  ['cluster: ""', 'cluster is empty'],
  [
    'transport: {kafka: {compression: snapy}}',
    'transport.kafka.compression must be one of none, gzip, snappy, lz4, zstd, not "snapy"; did you mean "snappy"?',
  ],
  [
    'transport: {kafka: {linger: 5}}',
    'transport.kafka.linger 5 is not a duration; write it as 250ms, 5s, 10m, 2h or 7d',
  ],
  [
    'transport: {kafka: {maxBatchBytes: [1]}}',
    'transport.kafka.maxBatchBytes a list is not a size; write it as 512B, 64KiB, 1MiB or 2GiB',
  ],
  ['health: {listen: true}', 'health.listen true is not an address; write it as 127.0.0.1:7671'],
  [
    'alerting: {channels: {s: {type: slak}}}',
    'alerting.channels.s.type must be one of slack, email, webhook, pagerduty, teams, discord, telegram, alertmanager, command, kakaowork, not "slak"; did you mean "slack"?',
  ],
  ['alerting: {publicUrl: console}', 'alerting.publicUrl is not a URL; write it as https://host/path'],
  ['agent: {logs: [{paths: [*.log]}]}', ' put it in quotes: "*.log"; bare, * is a reference'],
  ['agent:\n\tlogs: []', ' a tab cannot indent in YAML: write spaces'],
])('%s is told in the words of the file', (text, expected) => {
  expect(wordsOf(text)).toEqual([expected])
})

test.each([
  ['lists in one another', `agent: {logs: ${'['.repeat(101)}${']'.repeat(101)}}`],
  ['lists beyond any stack', `agent: {logs: ${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ['maps', `agent: ${'{a: '.repeat(50_000)}1${'}'.repeat(50_000)}`],
  ['lists of lines', `agent:\n  logs:\n  ${'- '.repeat(20_000)}x`],
  ['brackets left open', `agent: {logs: ${'['.repeat(5000)}`],
])('%s, far too many, are told once, in words that help', (_, text) => {
  expect(wordsOf(text)).toEqual([
    ' more than 100 lists or maps stand in one another here: take some away, or close a bracket left open',
  ])
})

test('as deep as is allowed is judged as any other value', () => {
  expect(wordsOf(`agent: {logs: [${'['.repeat(97)}${']'.repeat(97)}]}`)).toEqual([
    'agent.logs[0] must be a map, not a list',
  ])
})

test('a password that looks like a number is not shown, only what is wrong with it', () => {
  expect(wordsOf('agent: {amqp: {url: "amqp://h", password: 48151623}}')).toEqual([
    'agent.amqp.password must be text, not a number; put it in quotes',
  ])
})

/** Every key of the schema, as the path of steps that leads to it. */
function pathsOf(schema: unknown, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const { properties, items, additionalProperties, anyOf, oneOf } = schema as {
    properties?: Record<string, unknown>
    items?: unknown
    additionalProperties?: unknown
    anyOf?: unknown[]
    oneOf?: unknown[]
  }
  return [
    at,
    ...Object.entries(properties ?? {}).flatMap(([key, inner]) => pathsOf(inner, [...at, key])),
    ...(typeof items === 'object' ? pathsOf(items, [...at, 0]) : []),
    ...(typeof additionalProperties === 'object' ? pathsOf(additionalProperties, [...at, 'name']) : []),
    ...[...(anyOf ?? []), ...(oneOf ?? [])].flatMap((inner) => pathsOf(inner, at)),
  ]
}

function placed([step, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (step === undefined) return value
  const inner = placed(rest, value)
  return typeof step === 'number' ? [inner] : { [step]: inner }
}

test('no wrong value of any key is told in words of a library', () => {
  const paths = pathsOf(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })).filter(
    (path) => path.length > 0,
  )
  expect(paths.length).toBeGreaterThan(200)
  const wrong = [null, true, -7.5, 1e30, '', 'x', [], ['x'], {}, { x: 1 }]
  const said = new Set(
    paths.flatMap((path) =>
      wrong.flatMap((value) => wordsOf(stringify(placed(path, value), { aliasDuplicateObjects: false }))),
    ),
  )
  const foreign = [...said].filter((words) =>
    /invalid|expected|too (big|small)|received|undefined|cannot be used/i.test(words),
  )
  expect(foreign).toEqual([])
})
