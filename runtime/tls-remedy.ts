import { reasonOf } from './errors.ts'

/** What OpenSSL and Node say of a certificate, and what is to be done about it. */
const remedies: ReadonlyArray<readonly [says: RegExp, remedy: (settings: string) => string]> = [
  [
    /does not match certificate's altnames/i,
    (settings) => `the certificate is for another name: connect by a name it has, or set ${settings}.servername to one`,
  ],
  [
    /self[- ]signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer/i,
    (settings) => `the certificate is of an authority nobody has named: set ${settings}.ca to its file`,
  ],
  [/certificate has expired/i, () => 'the certificate has expired: its owner must renew it'],
  [/certificate is not yet valid/i, () => 'the certificate is of the future: one of the two clocks is wrong'],
]

/** The failure with its remedy where a certificate is to blame, else as it is; `settings` is the path of the `tls` keys. */
export function withTlsRemedy(failure: unknown, settings: string): unknown {
  const reason = reasonOf(failure)
  const remedy = remedies.find(([says]) => says.test(reason))?.[1]
  return remedy ? new Error(`${remedy(settings)} (${reason})`) : failure
}
