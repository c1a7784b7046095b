import type { Entry } from '../entry.ts'

/** Logins and virtual hosts refused. */
export const authenticationRows: readonly Entry[] = [
  {
    entry: 11,
    code: 'login-refused',
    category: 'authentication',
    outcome: 'failure',
    hint: 'login refused: ',
    pattern: /(?<mechanism>\S{1,64}) login refused: (?:user '(?<user>[^'\n]*)' - )?(?<reason>[^\n]*)/,
    sample: `Error on AMQP connection <0.5935.0> (127.0.0.1:54668 -> 127.0.0.1:5772, state: starting):\nPLAIN login refused: user 'nouser' - invalid credentials`,
  },
  {
    entry: 12,
    code: 'management-login-refused',
    category: 'authentication',
    outcome: 'failure',
    hint: 'HTTP access denied: ',
    pattern: /HTTP access denied: user '(?<user>[^'\n]*)' - (?<reason>[^\n]*)/,
    sample: "HTTP access denied: user 'mon' - Not administrator user",
  },
  {
    entry: 13,
    code: 'vhost-access-refused',
    category: 'authentication',
    outcome: 'failure',
    hint: 'access to vhost ',
    pattern: /access to vhost '(?<vhost>[^'\n]*)' refused for user '(?<user>[^\n']*)'(?:: (?<reason>[^\n]+))?/,
    sample:
      "Error on AMQP connection <0.1144.0> (127.0.0.1:41970 -> 127.0.0.1:25259, user: 'weak', state: opening):\naccess to vhost '/' refused for user 'weak'",
  },
  {
    entry: 14,
    code: 'vhost-not-found',
    category: 'authentication',
    outcome: 'failure',
    hint: 'not found',
    pattern: /vhost '?(?<vhost>\S+?)'? not found/,
    sample:
      "Error on AMQP connection <0.1175.0> (127.0.0.1:41982 -> 127.0.0.1:25259, user: 'guest', state: opening):\nvhost absent not found",
  },
  {
    entry: 55,
    code: 'credential-expired',
    category: 'authentication',
    outcome: 'failure',
    hint: 'redential has expired',
    pattern: /credential has expired/,
    isComposed: true,
    sample: "Connection 127.0.0.1:1 -> 127.0.0.1:5672: user's credential has expired",
  },
  {
    entry: 55,
    code: 'credential-expired',
    category: 'authentication',
    outcome: 'failure',
    hint: 'Secret update was refused',
    pattern: /Secret update was refused/,
    isComposed: true,
    sample: "Secret update was refused for user 'app'",
  },
]
