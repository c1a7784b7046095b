import type { Entry } from '../entry.ts'

/** Shovels and federation links. */
export const linkRows: readonly Entry[] = [
  {
    entry: 45,
    code: 'shovel-failed',
    category: 'link',
    outcome: 'failure',
    hint: 'Shovel ',
    pattern:
      /Shovel (?<link>[^\n]{0,256}?) (?<reason>could not connect to|detected missed heartbeats|detected [^\n]{0,512}? failure|is stopping)/,
    isComposed: true,
    sample: "Shovel 'move' in virtual host '/' could not connect to source",
  },
  {
    entry: 46,
    code: 'federation-link-failed',
    category: 'link',
    outcome: 'failure',
    hint: 'Federation ',
    pattern:
      /Federation (?:exchange '(?<exchange>[^'\n]*)'|queue '(?<queue>[^'\n]*)') [^\n]*?(?<reason>did not connect|disconnected from)/,
    isComposed: true,
    sample: "Federation exchange 'events' in vhost '/' did not connect to exchange 'events' in vhost '/' on amqp://b",
  },
]
