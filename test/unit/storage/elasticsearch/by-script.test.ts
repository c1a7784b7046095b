import { expect, test } from 'vitest'
import { byScript, valuesByScript } from '../../../../storage/elasticsearch/by-script.ts'
import type { Clause } from '../../../../storage/elasticsearch/field-types.ts'

const sourceOf = (clause: Clause) =>
  (byScript(clause) as { script_score: { script: { source: string } } }).script_score.script.source

test.each<[Clause, Clause]>([
  [
    { kind: 'field', path: 'app.name', value: "'; return 1; //", isPattern: false },
    { kind: 'field', path: "it's", value: 'b*c', isPattern: true },
  ],
  [
    { kind: 'range', path: 'app.took', op: 'gt', value: '5' },
    { kind: 'range', path: 'app.at', op: 'lte', value: '2026-11-20' },
  ],
  [
    { kind: 'exists', path: 'app.name' },
    { kind: 'exists', path: 'x' },
  ],
])('whatever is asked for, the server compiles one script for %j', (one, other) => {
  expect(sourceOf(one)).toBe(sourceOf(other))
})

test('the values of any field are read by one script', () => {
  expect(valuesByScript('app.name').source).toBe(valuesByScript("it's").source)
})
