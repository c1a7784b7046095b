import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { callbackify } from 'node:util'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'
import type { Started } from '../../runtime/shutdown.ts'
import { eventually } from './eventually.ts'

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  /** Headers and body as sent. */
  readonly raw: string
  readonly isEncrypted: boolean
  readonly user?: string
}

export interface SmtpReceiver {
  readonly port: number
  readonly mails: readonly ReceivedMail[]
  /** The next mails are refused with these codes, one each, after their data: 4xx for later, 5xx for never. */
  refuse(...codes: number[]): void
  /** Recipients that are refused with this code at RCPT TO. */
  refuseRecipient(address: string, code: number): void
  received(count: number, withinMs?: number): Promise<readonly ReceivedMail[]>
}

export interface SmtpRequest {
  /** With it, mail is taken only after this login. */
  readonly auth?: { readonly username: string; readonly password: string }
  /** Default `none`. */
  readonly tls?: 'none' | 'starttls' | 'implicit'
  readonly certificate?: { readonly key: string; readonly cert: string }
}

class SmtpRefusal extends Error {
  readonly responseCode: number
  constructor(responseCode: number) {
    super(`refused by the script (${responseCode})`)
    this.responseCode = responseCode
  }
}

/** An SMTP server on loopback that records what it is sent and refuses as scripted. */
export async function startSmtpReceiver({
  auth,
  tls = 'none',
  certificate,
}: SmtpRequest = {}): Promise<Started<SmtpReceiver>> {
  const mails: ReceivedMail[] = []
  const refusals: number[] = []
  const refusedRecipients = new Map<string, number>()
  const receive = async (stream: SMTPServerDataStream, session: SMTPServerSession) => {
    const raw = await textOf(stream)
    const code = refusals.shift()
    if (code !== undefined) throw new SmtpRefusal(code)
    const { mailFrom, rcptTo } = session.envelope
    mails.push({
      from: mailFrom === false ? '' : mailFrom.address,
      to: rcptTo.map(({ address }) => address),
      raw,
      isEncrypted: session.secure,
      ...(typeof session.user === 'string' && { user: session.user }),
    })
  }
  const options: SMTPServerOptions = {
    secure: tls === 'implicit',
    authOptional: auth === undefined,
    allowInsecureAuth: tls === 'none',
    disabledCommands: [...(tls === 'starttls' ? [] : ['STARTTLS']), ...(auth === undefined ? ['AUTH'] : [])],
    ...certificate,
    logger: false,
    closeTimeout: 500,
    onAuth: ({ username, password }, _, done) =>
      auth !== undefined && username === auth.username && password === auth.password
        ? done(null, { user: auth.username })
        : done(new SmtpRefusal(535)),
    onRcptTo: ({ address }, _, done) => {
      const code = refusedRecipients.get(address)
      done(code === undefined ? null : new SmtpRefusal(code))
    },
    onData: (stream, session, done) => callbackify(receive)(stream, session, done),
  }
  const server = new SMTPServer(options)
  // A client that breaks off is part of the tests, not a failure of the receiver.
  server.on('error', () => {})
  const listener = server.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const value: SmtpReceiver = {
    port: (listener.address() as AddressInfo).port,
    mails,
    refuse: (...codes) => void refusals.push(...codes),
    refuseRecipient: (address, code) => void refusedRecipients.set(address, code),
    received: (count, withinMs) =>
      eventually(() => mails.length >= count && mails, {
        what: `${count} mails`,
        ...(withinMs !== undefined && { withinMs }),
      }),
  }
  return { value, stop: () => new Promise((resolve) => server.close(resolve)) }
}

async function textOf(stream: SMTPServerDataStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
