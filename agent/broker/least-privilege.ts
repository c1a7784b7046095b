import { quoted } from './quoted.ts'
export interface Grant {
  readonly user: string
  readonly vhosts: readonly string[]
}

/** What `rabbitmqctl set_permissions` grants: its own `mon.` names, and to read what the broker tells of itself. */
export const grant = {
  configure: String.raw`^mon\.`,
  write: String.raw`^mon\.`,
  read: String.raw`^(mon\..*|amq\.rabbitmq\.(trace|event|log))$`,
} as const

export function permissionCommand(user: string, vhost: string): string {
  return `rabbitmqctl set_permissions -p ${quoted(vhost)} ${quoted(user)} ${quoted(grant.configure)} ${quoted(grant.write)} ${quoted(grant.read)}`
}

/** The commands an administrator runs once; safe to run again. The password is asked for, never printed. */
export function setupCommands({ user, vhosts }: Grant): string[] {
  return [
    '# on every node of the cluster:',
    'rabbitmq-plugins enable rabbitmq_event_exchange rabbitmq_management rabbitmq_prometheus',
    '# in rabbitmq.conf of every node: the access log tells who did what over HTTP; queue numbers need no login, so loopback only:',
    '#   management.http_log_dir = /var/log/rabbitmq',
    '#   prometheus.tcp.ip = 127.0.0.1',
    '# once; reads the password from the terminal, and changes nothing where the user exists:',
    `rabbitmqctl add_user ${quoted(user)} || true`,
    `rabbitmqctl set_user_tags ${quoted(user)} monitoring`,
    ...vhosts.map((vhost) => permissionCommand(user, vhost)),
  ]
}
