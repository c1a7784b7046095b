import type { Entry } from '../entry.ts'
import { peer } from '../sample-parts.ts'

/** Errors that closed a connection, and limits that are reached. */
export const exceptionRows: readonly Entry[] = [
  {
    entry: 24,
    code: 'limit-reached',
    category: 'connection',
    outcome: 'failure',
    hint: 'limit',
    pattern:
      /(?<reason>node connection limit[^\n]*|connection limit \(\d+\) is reached|user connection limit[^\n]*|queue limit in vhost[^\n]*)/,
    isComposed: true,
    sample:
      'Error on AMQP connection <0.900.0> (127.0.0.1:54668 -> 127.0.0.1:5772): connection refused: node connection limit (100) is reached',
  },
  {
    entry: 24,
    code: 'limit-reached',
    category: 'connection',
    outcome: 'failure',
    hint: 'number of channels opened',
    pattern: /(?<reason>number of channels opened [^\n]{0,512}? has reached[^\n]*)/,
    isComposed: true,
    sample:
      'operation none caused a connection exception not_allowed: number of channels opened (10) has reached the negotiated channel_max (10)',
  },
  {
    entry: 22,
    code: 'connection-exception',
    category: 'connection',
    outcome: 'failure',
    hint: 'caused a connection exception ',
    pattern:
      /operation (?<operation>\S+) caused a connection exception (?<reason>(?:frame_error|unexpected_frame|command_invalid|channel_error|not_allowed|internal_error)[^\n]*)/,
    isComposed: true,
    sample: `Error on AMQP connection ${peer}, channel 0:\noperation none caused a connection exception frame_error: "type 65, all octets = <<>>: {frame_too_large,1,2}"`,
  },
  {
    entry: 22,
    code: 'connection-exception',
    category: 'connection',
    outcome: 'failure',
    hint: 'fatal_frame_error',
    pattern: /(?<reason>fatal_frame_error)/,
    isComposed: true,
    sample: `Error on AMQP connection ${peer}: fatal_frame_error`,
  },
  {
    entry: 23,
    code: 'connection-forced',
    category: 'connection',
    hint: 'exception connection_forced: ',
    pattern: /caused a connection exception connection_forced: "(?<reason>[^\n]*)"/,
    isComposed: true,
    sample: `Error on AMQP connection ${peer}, channel 0:\noperation none caused a connection exception connection_forced: "CONNECTION_FORCED - Closed via management plugin"`,
  },
  {
    entry: 23,
    code: 'connection-forced',
    category: 'connection',
    hint: 'Closing connection ',
    pattern: /Closing connection (?<pid>\S+) because (?:<<)?"(?<reason>[^\n]*)"/,
    isComposed: true,
    sample: 'Closing connection <0.1234.0> because <<"Closed via management plugin">>',
  },
]
