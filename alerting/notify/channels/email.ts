import { readFileSync } from 'node:fs'
import type { ChannelConfig } from '../../../runtime/config/schema-alerting.ts'
import type { Answer, Attempt, Channel, Wording } from '../channel.ts'
import { answerOfFailure } from '../http.ts'
import type { Notice } from '../notice.ts'
import { required } from '../required.ts'
import { mailText } from './email-body.ts'

type EmailConfig = Extract<ChannelConfig, { type: 'email' }>

/** By SMTP, text and HTML; the mails of one alert are one thread. */
export function openEmail(name: string, config: EmailConfig, wording: Wording): Channel {
  const options = {
    ...connection(name, config),
    ...timeoutsOf(config),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
  // The mailer is read when a mail is sent first: 20 MB that an alerter without one need not hold.
  const open = async () => (await import('nodemailer')).createTransport(options)
  let opened: ReturnType<typeof open> | undefined
  return {
    async send(notice, attempt) {
      const has = new Set(attempt.progress === undefined ? [] : (JSON.parse(attempt.progress) as string[]))
      const recipients = config.to.filter((address) => !has.has(address))
      try {
        const transport = await (opened ??= open())
        const sent = await transport.sendMail({
          ...mailText(notice, wording),
          ...threading(notice, config.from, attempt),
          from: config.from,
          to: config.to,
          envelope: { from: config.from, to: recipients },
        })
        return answerOfSent(sent, [...has])
      } catch (error) {
        return answerOfMail(error)
      }
    },
    close: async () => (await opened)?.close(),
  }
}

/** A server that takes its time over a mail's content is asked for a sign of life less often. */
function timeoutsOf({ timeout }: EmailConfig) {
  return { connectionTimeout: timeout, greetingTimeout: timeout, socketTimeout: 3 * timeout, dnsTimeout: timeout }
}

function connection(name: string, { smtp, tls, proxy }: EmailConfig) {
  const { username, password } = smtp
  return {
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls === 'implicit',
    // Asked for STARTTLS, a server that does not offer it gets nothing: no mail and no password in the clear.
    requireTLS: smtp.tls === 'starttls',
    ignoreTLS: smtp.tls === 'none',
    ...(username !== undefined && {
      auth: { user: username, pass: required(password, name, 'smtp.password').reveal() },
    }),
    ...(proxy !== undefined && { proxy }),
    tls: {
      ...(tls?.ca !== undefined && { ca: readFileSync(tls.ca, 'utf8') }),
      ...(tls?.cert !== undefined && { cert: readFileSync(tls.cert, 'utf8') }),
      ...(tls?.key !== undefined && { key: readFileSync(tls.key, 'utf8') }),
      ...(tls?.servername !== undefined && { servername: tls.servername }),
      ...(tls?.insecure && { rejectUnauthorized: false }),
    },
  }
}

/** The same id in every attempt, so that a mail that came twice is seen to be one; replies name the alert's thread. */
function threading({ id, alerts, digest }: Notice, from: string, { nowMs }: Attempt) {
  const domain = /@([a-z0-9.-]+)>?\s*$/iu.exec(from)?.[1] ?? 'thump.invalid'
  const word = (text: string) => text.replace(/[^\w.-]+/gu, '-').slice(0, 120)
  const root = `<thump-${word(alerts[0].id)}@${domain}>`
  return {
    messageId: `<${word(id)}@${domain}>`,
    date: new Date(nowMs),
    ...(!digest && { references: root, inReplyTo: root }),
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
  }
}

/** Recipients told to come later are asked again, they alone; those refused for good are named. */
function answerOfSent(sent: object, before: readonly string[]): Answer {
  const {
    accepted = [],
    rejectedErrors = [],
    response = '',
  } = sent as {
    accepted?: readonly string[]
    rejectedErrors?: ReadonlyArray<MailError & { recipient?: string }>
    response?: string
  }
  const later = rejectedErrors.filter(({ responseCode = 500 }) => responseCode < 500)
  const never = rejectedErrors.filter((error) => !later.includes(error)).map(({ recipient = '' }) => recipient)
  if (later.length === 0) {
    return { kind: 'ok', detail: never.length > 0 ? `refused recipients: ${never.join(', ')}` : response.slice(0, 200) }
  }
  const progress = JSON.stringify([...before, ...accepted, ...never])
  return { kind: 'retry', reason: 'some-recipients', detail: later[0]?.response ?? 'some recipients refused', progress }
}

interface MailError {
  readonly code?: string
  readonly responseCode?: number
  readonly response?: string
  readonly message?: string
}

/** 4xx is later, 5xx never; a login or an encryption that fails is the operator's to mend, and the mail waits for that. */
export function answerOfMail(error: unknown): Answer {
  const { code, responseCode, response, message } = error as MailError
  if (responseCode === undefined) {
    return code === 'EENVELOPE' || code === 'EMESSAGE'
      ? { kind: 'permanent', reason: code.toLowerCase(), detail: message ?? code }
      : answerOfFailure(error)
  }
  const reason = `smtp-${responseCode}`
  const detail = (response ?? message ?? reason).slice(0, 200)
  if (code === 'EAUTH' || code === 'ETLS' || responseCode < 500) return { kind: 'retry', reason, detail }
  return { kind: 'permanent', reason, detail }
}
