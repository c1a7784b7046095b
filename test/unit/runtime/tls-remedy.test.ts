import { expect, test } from 'vitest'
import { UnavailableError } from '../../../runtime/errors.ts'
import { withTlsRemedy } from '../../../runtime/tls-remedy.ts'

test.each([
  [
    "Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames: DNS:b",
    /another name.* here\.tls\.servername .*DNS:b/,
  ],
  ['self-signed certificate in certificate chain', /here\.tls\.ca /],
  ['unable to verify the first certificate', /here\.tls\.ca /],
  ['unable to get local issuer certificate', /here\.tls\.ca /],
  ['certificate has expired', /renew/],
])('%s: what is to be done is told before it', (message, remedy) => {
  const told = withTlsRemedy(new UnavailableError('kafka', new Error(message)), 'here.tls')
  expect((told as Error).message).toMatch(remedy)
  expect((told as Error).message).toContain(`(${message})`)
})

test('what is no matter of certificates stays as it is', () => {
  const failure = new UnavailableError('kafka', new Error('connect ECONNREFUSED'))
  expect(withTlsRemedy(failure, 'here.tls')).toBe(failure)
})
