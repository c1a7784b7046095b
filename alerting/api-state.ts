import type { FastifyInstance } from 'fastify'
import type { ActiveAlerter } from './active.ts'
import type { KeyValue } from './transition.ts'
import type { WithAlerter } from './with-alerter.ts'

/** `GET /api/v1/state/{rule}?key=`: the live window of one key; `key` repeats in the order of `groupBy`. */
export function addStateRoute(server: FastifyInstance, withAlerter: WithAlerter): void {
  server.get(
    '/api/v1/state/:rule',
    withAlerter((alerter, request, reply) => {
      const { rule } = request.params as { rule: string }
      const status = alerter.status().find((candidate) => candidate.rule.id === rule)
      if (!status) return reply.code(404).send({ error: `no rule "${rule}" runs` })
      const given = keyOf(request.query)
      const names = status.rule.groupBy.map(({ name }) => name)
      if (given.length !== names.length) return reply.code(400).send({ error: askFor(rule, names) })
      const state = findState(alerter, rule, given)
      if (!state) return reply.code(404).send({ error: 'nothing is kept for this key' })
      const { key, window, alert, dueMs } = state
      const dueIn = Number.isFinite(dueMs) && { dueMs }
      return { rule, key, watermarkMs: status.watermarkMs, ...dueIn, window, ...(alert && { alert }) }
    }),
  )
}

const maxReadings = 1024

function keyOf(query: unknown): readonly string[] {
  const { key } = query as { key?: string | string[] }
  return key === undefined ? [] : [key].flat()
}

function askFor(rule: string, names: readonly string[]): string {
  if (names.length === 0) return `"${rule}" has no groupBy: leave key= out`
  return `"${rule}" is grouped by ${names.join(', ')}: give key= once for each, in this order`
}

/** Each part is the text, or else the number or boolean that looks like it. */
function findState(alerter: ActiveAlerter, rule: string, texts: readonly string[]) {
  const keys = texts.reduce<ReadonlyArray<readonly KeyValue[]>>(
    (found, text) => found.flatMap((key) => readings(text).map((value) => [...key, value])).slice(0, maxReadings),
    [[]],
  )
  for (const key of keys) {
    const state = alerter.stateOf(rule, key)
    if (state) return state
  }
  return undefined
}

function readings(text: string): readonly KeyValue[] {
  if (text === 'true' || text === 'false') return [text, text === 'true']
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) ? [text, number] : [text]
}
