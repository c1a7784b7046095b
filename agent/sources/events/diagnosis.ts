import { permissionCommand } from '../../broker/least-privilege.ts'
import { errnoOf } from './errno.ts'
import { quoted } from '../../broker/quoted.ts'

export interface Diagnosis {
  readonly reason:
    | 'plugin-missing'
    | 'access-refused'
    | 'login-refused'
    | 'vhost-missing'
    | 'queue-differs'
    | 'drained'
    | 'transport-away'
    | 'unreachable'
    | 'other'
  /** One sentence with the exact command that mends it, where a command does. */
  readonly detail: string
}

/** What was read waited for the transport longer than it may, and goes back to the broker's queue. */
export class HeldTooLong extends Error {
  constructor(limitMs: number) {
    super(
      `the transport took no events for ${Math.ceil(limitMs / 1000)} s: they wait in the broker's queue, and are read again`,
    )
  }
}

/**
 * The same over time: a drained node closes its listeners after it said so, and a refused connection says less than what
 * came before it.
 */
export function createDiagnosis(account: Account): { of(error: unknown): Diagnosis; recovered(): void } {
  let last: Diagnosis | undefined
  return {
    of: (error) => {
      const found = diagnose(error, account)
      if (found.reason === 'unreachable' && last?.reason === 'drained') return last
      last = found
      return found
    },
    recovered: () => {
      last = undefined
    },
  }
}

interface Account {
  readonly user: string
  readonly vhost: string
  readonly queue: string
}

/** Why the event exchange cannot be read, told by the error the broker gave. */
export function diagnose(error: unknown, { user, vhost, queue }: Account): Diagnosis {
  const text = chain(error)
  if (/no exchange 'amq\.rabbitmq\.event'/.test(text))
    return {
      reason: 'plugin-missing',
      detail: `the event exchange is not there; on every node run: rabbitmq-plugins enable rabbitmq_event_exchange`,
    }
  if (/ACCESS_REFUSED - Login was refused|403.*login/i.test(text))
    return {
      reason: 'login-refused',
      detail: `the broker refused the login of '${user}'; set its password: rabbitmqctl change_password ${quoted(user)} …`,
    }
  if (/vhost .* not found|NOT_ALLOWED - vhost/i.test(text))
    return {
      reason: 'vhost-missing',
      detail: `there is no vhost '${vhost}'; set agent.events.vhost to that of the event exchange`,
    }
  if (/ACCESS_REFUSED|NOT_ALLOWED - access to vhost/i.test(text))
    return {
      reason: 'access-refused',
      detail: `'${user}' may not read the event exchange; run: ${permissionCommand(user, vhost)}`,
    }
  if (/inequivalent arg/i.test(text))
    return {
      reason: 'queue-differs',
      detail: `queue '${queue}' exists with other arguments; set agent.events.maxLength back, or name a new agent.events.queue: ${text.slice(0, 300)}`,
    }
  if (/maintenance mode/i.test(text))
    return {
      reason: 'drained',
      detail:
        'the node was put into maintenance: its events wait in their queue; when that is over run: rabbitmq-upgrade revive',
    }
  if (error instanceof HeldTooLong) return { reason: 'transport-away', detail: error.message }
  const errno = errnoOf(error)
  if (errno !== undefined) return { reason: 'unreachable', detail: `the broker cannot be reached: ${errno}` }
  return { reason: 'other', detail: text.slice(0, 300) }
}

function chain(error: unknown): string {
  const texts: string[] = []
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++)
    texts.push(cause.message)
  return texts.join(': ')
}
