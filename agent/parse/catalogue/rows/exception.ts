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
    sample:
      "Channel error on connection <0.1260.0> (127.0.0.1:42002 -> 127.0.0.1:25259, vhost: '/', user: 'guest'), channel 1:\noperation queue.declare caused a channel exception precondition_failed: cannot declare queue 'm1': queue limit in vhost '/' (1) is reached",
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
    sample:
      "Error on AMQP connection <0.1437.0> (127.0.0.1:46362 -> 127.0.0.1:25259, vhost: '/', user: 'guest', state: running), channel 0:\n operation none caused a connection exception connection_forced: \"maintenance tonight\"",
  },
  {
    entry: 23,
    code: 'connection-forced',
    category: 'connection',
    hint: 'Closing connection ',
    pattern: /Closing connection (?<pid>\S+) because (?:<<)?"(?<reason>[^\n]*)"/,
    sample: 'Closing connection <0.1437.0> because <<"maintenance tonight">>',
  },
]
