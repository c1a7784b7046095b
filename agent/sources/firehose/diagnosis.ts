import { permissionCommand } from '../../broker/least-privilege.ts'
import { quoted } from '../../broker/quoted.ts'

/** The command that switches tracing on the node beside us. */
export function traceCommand(action: 'trace_on' | 'trace_off', vhost: string): string {
  return `rabbitmqctl ${action} -p ${quoted(vhost)}`
}

/** Why the firehose of a vhost cannot be read, in one sentence with the command that mends it, where one does. */
export function diagnoseFirehose(error: unknown, { user, vhost }: { user: string; vhost: string }): string {
  const text = chain(error)
  if (/Login was refused|403.*login/i.test(text))
    return `the broker refused the login of '${user}'; set its password: rabbitmqctl change_password ${quoted(user)} …`
  if (/vhost .* not found|NOT_ALLOWED - vhost/i.test(text))
    return `there is no vhost '${vhost}' (agent.firehose.vhosts)`
  // All that the library tells of a vhost that the broker did not open.
  if (/got <ConnectionClose/.test(text))
    return `the broker did not open vhost '${vhost}': it does not exist, or '${user}' has no rights there; run: ${permissionCommand(user, vhost)}`
  if (/ACCESS_REFUSED|NOT_ALLOWED/i.test(text))
    return `'${user}' may not read the firehose of vhost '${vhost}'; run: ${permissionCommand(user, vhost)}`
  return text.slice(0, 300)
}

function chain(error: unknown): string {
  const texts: string[] = []
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++)
    if (cause.message !== '') texts.push(cause.message)
  return texts.join(': ') || String(error)
}
