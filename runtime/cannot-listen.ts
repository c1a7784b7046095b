import { ThumpError } from './errors.ts'

/** An address that cannot be had, in the operator's words; every other error as it is. `key` is where it is configured. */
export function cannotListen(error: unknown, key: string, { host, port }: { host: string; port: number }): unknown {
  const say = (why: string) => new ThumpError('THUMP_UNAVAILABLE', `${key}: ${why}`, { cause: error })
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return say(
        `port ${port} of ${host} is taken, perhaps by another thump. ` +
          `\`ss -ltnp 'sport = :${port}'\` names who has it; another address: --set ${key}=HOST:PORT`,
      )
    case 'EACCES':
      return say(`this user may not listen on ${address}: a port below 1024 is for root`)
    case 'EADDRNOTAVAIL':
      return say(`${host} is no address of this machine`)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return say(`${host} is no known host name`)
    default:
      return error
  }
}
