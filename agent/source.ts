import type { Emitted } from '../event/encode.ts'
import type { OutRecord, PackedRecords } from '../transport/transport.ts'
import type { Started } from '../runtime/shutdown.ts'

/** What a source is given to hand its events on. */
export interface Emit {
  /** Resolves once all are durable in the transport (or counted as rejected); rejects only when `signal` aborts. */
  events(events: readonly Emitted[], signal: AbortSignal): Promise<void>
  /** The same for records a source has encoded itself. */
  records(records: readonly OutRecord[], signal: AbortSignal): Promise<void>
  /** The same for many in one piece, where that is the shorter way; their bytes are the source's again once it resolved. */
  packed?(packs: readonly PackedRecords[], signal: AbortSignal): Promise<void>
}

/** Who this agent is; stamped on every event. `node` and `cluster` may be learned later: ask at each use. */
export interface Identity {
  readonly agentId: string
  readonly agentVersion: string
  readonly hostName: string
  /** Where the node is unknown at the first send, `agentId` stands for it for good. */
  keyNode(): string
  node(): string | undefined
  cluster(): string | undefined
  learn(found: { node?: string; cluster?: string }): void
}

/** One per folder in sources/. */
export interface Source {
  readonly name: string
  start(): Promise<Started<SourceStatus>>
}

export interface SourceStatus {
  /** For /readyz and `doctor`: is what this source reads there, and in one sentence what is not. */
  ready(): { readonly ok: boolean; readonly detail?: string }
}
