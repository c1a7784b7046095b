import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureTool } from './cache.ts'

export interface Certificates {
  /** PEM texts. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A certificate authority made for one test, and a certificate of it for the names, server and client use. */
export async function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1'): Promise<Certificates> {
  const openssl = await ensureTool('openssl')
  const dir = mkdtempSync(join(tmpdir(), 'thump-certificates-'))
  const at = (name: string) => join(dir, name)
  const run = (...args: string[]) => execFileSync(openssl, args, { cwd: dir, stdio: 'pipe' })
  try {
    const fresh = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']
    run('req', '-x509', ...fresh, '-subj', '/CN=Thump test CA', '-keyout', at('ca.key'), '-out', at('ca.pem'))
    run('req', ...fresh, '-subj', '/CN=localhost', '-keyout', at('key.pem'), '-out', at('request.pem'))
    writeFileSync(at('names'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    const sign = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('names')]
    run('x509', '-req', '-in', at('request.pem'), ...sign, '-out', at('cert.pem'))
    const [ca = '', cert = '', key = ''] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) =>
      readFileSync(at(name), 'utf8'),
    )
    return { ca, cert, key }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
