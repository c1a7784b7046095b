import type { Outcome } from '../storage.ts'

/** One item of a bulk answer. */
export interface BulkItem {
  readonly status: number
  readonly error?: {
    readonly type?: string
    readonly reason?: string
    readonly caused_by?: { readonly reason?: string }
  }
}

/**
 * Refusals that say nothing about the document, whatever their status: a block, a missing right, the cluster's shard
 * limit, an index that may not be made. They pass, or an operator mends them; burying whole days because of them would not.
 */
const passing = new Set([
  'cluster_block_exception',
  'es_rejected_execution_exception',
  'circuit_breaking_exception',
  'security_exception',
  'validation_exception',
  'index_not_found_exception',
  'index_closed_exception',
  'resource_already_exists_exception',
])

/** The same said by a type that documents are refused with too: an alias that leads nowhere, a pipeline that is not there. */
const ofTheInstallation = /^(?:no write index is defined for alias|pipeline with id \[.*\] does not exist)/

/** 201 is stored, 409 was stored before, 429 and 5xx may be tomorrow, all else never. */
export function toOutcome({ status, error }: BulkItem): Outcome {
  if (status < 300) return { kind: 'stored', isDuplicate: false }
  if (status === 409) return { kind: 'stored', isDuplicate: true }
  const reason = error?.type ?? `http-${status}`
  const isPassing = passing.has(reason) || ofTheInstallation.test(error?.reason ?? '')
  if (status === 429 || status >= 500 || isPassing) return { kind: 'retry', reason }
  const because = error?.caused_by?.reason
  return { kind: 'reject', reason, error: [error?.reason ?? `status ${status}`, because].filter(Boolean).join(': ') }
}
