import { expect, test } from 'vitest'
import { indexName } from '../../../../storage/elasticsearch/index-name.ts'
import { toOutcome } from '../../../../storage/elasticsearch/outcome.ts'
import { expired } from '../../../../storage/elasticsearch/retention.ts'
import { elasticsearchSetup, formatRequests } from '../../../../storage/elasticsearch/setup-requests.ts'

test.each([
  [201, undefined, 'stored'],
  [409, 'version_conflict_engine_exception', 'stored'],
  [429, 'es_rejected_execution_exception', 'retry'],
  [429, 'a_new_name_for_it', 'retry'],
  [503, 'unavailable_shards_exception', 'retry'],
  [500, undefined, 'retry'],
  [403, 'security_exception', 'retry'],
  [403, 'cluster_block_exception', 'retry'],
  [400, 'validation_exception', 'retry'],
  [404, 'index_not_found_exception', 'retry'],
  [400, 'document_parsing_exception', 'reject'],
  [400, undefined, 'reject'],
])('an item answered %i %s is %s', (status, type, kind) => {
  expect(toOutcome({ status, ...(type !== undefined && { error: { type } }) }).kind).toBe(kind)
})

test.each([
  ['no write index is defined for alias [t-app-2026.11.22]. The write index may be', 'retry'],
  ['pipeline with id [absent] does not exist', 'retry'],
  ['Document contains at least one immense term in field="pipeline with id [x] does not exist"', 'reject'],
])('of an argument that is illegal the reason tells whose fault it is: %s is %s', (reason, kind) => {
  expect(toOutcome({ status: 400, error: { type: 'illegal_argument_exception', reason } }).kind).toBe(kind)
})

test.each([
  ['1999-12-31T23:59:59.999Z', 't-app-undated'],
  ['2000-01-01T00:00:00.000Z', 't-app-2000.01.01'],
  ['2099-12-31T23:59:59.999Z', 't-app-2099.12.31'],
  ['2100-01-01T00:00:00.000Z', 't-app-undated'],
])('an event of %s belongs to %s', (time, index) => {
  expect(indexName('t', 'APP', Date.parse(time))).toBe(index)
})

test('an index goes when its last moment is beyond the retention, not before', () => {
  const indices = ['t-app-2026.11.20', 't-app-2026.11.21', 't-app-undated', 't-app-app-2020.01.01', 'tt-app-2020.01.01']
  const nowMs = Date.parse('2026-11-22T00:00:00Z')
  expect(expired(indices, 't', nowMs, 86_400_000)).toEqual(['t-app-2026.11.20'])
})

test('requests are printed as Kibana takes them', () => {
  const lines = formatRequests([elasticsearchSetup('t').roles.reader]).split('\n')
  expect(lines[0]).toBe('PUT /_security/role/t-reader')
  expect(JSON.parse(lines.slice(1).join('\n'))).toEqual(elasticsearchSetup('t').roles.reader.body)
})
