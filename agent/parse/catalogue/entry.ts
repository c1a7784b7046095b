/** One row of the catalogue. `entry` numbers the kind of message (several rows may share one), named groups are the fields. */
export interface Entry {
  readonly entry: number
  readonly code: string
  readonly category:
    | 'resource'
    | 'connection'
    | 'authentication'
    | 'channel'
    | 'cluster'
    | 'queue'
    | 'crash'
    | 'tls'
    | 'link'
    | 'lifecycle'
    | 'configuration'
    | 'logging'
  readonly outcome?: 'success' | 'failure'
  readonly pattern: RegExp
  /** A text every match contains: the cheap test before the pattern. */
  readonly hint: string
  /** A message of this kind, prefix taken off: recorded from a broker unless `isComposed`. */
  readonly sample: string
  /** The sample was put together from the message's known form: none was recorded. */
  readonly isComposed?: true
}
