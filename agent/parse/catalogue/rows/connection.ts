import type { Entry } from '../entry.ts'
import { peer } from '../sample-parts.ts'

/** Ends of connections that no AMQP error explains. */
export const connectionRows: readonly Entry[] = [
  {
    entry: 7,
    code: 'connection-closed-abruptly',
    category: 'connection',
    outcome: 'failure',
    hint: 'client unexpectedly closed TCP connection',
    pattern: /closing AMQP connection [^\n]{0,512}?:\n[^\n]{0,512}?client unexpectedly closed TCP connection/,
    sample: `closing AMQP connection ${peer}:\nclient unexpectedly closed TCP connection`,
  },
  {
    entry: 8,
    code: 'missed-heartbeats',
    category: 'connection',
    outcome: 'failure',
    hint: 'heartbeat',
    pattern: /missed heartbeats from client, timeout: (?<timeout_s>\d+)s|\{heartbeat_timeout,running\}/,
    sample:
      'closing AMQP connection <0.31774.55> (10.190.5.190:54288 -> 10.190.5.248:5672):\nmissed heartbeats from client, timeout: 60s',
  },
  {
    entry: 9,
    code: 'handshake-timeout',
    category: 'connection',
    outcome: 'failure',
    hint: '{handshake_timeout,',
    pattern: /\{handshake_timeout,(?<reason>frame_header|handshake)\}/,
    sample:
      'closing AMQP connection <0.619.0> (104.131.103.189:54637 -> 104.131.103.189:5672):\n{handshake_timeout,frame_header}',
  },
  {
    entry: 10,
    code: 'bad-protocol-header',
    category: 'connection',
    outcome: 'failure',
    hint: '{bad_header,<<',
    pattern: /\{bad_header,<</,
    sample:
      'closing AMQP connection <0.972.0> (127.0.0.1:37044 -> 127.0.0.1:25259, duration: \'0ms\'):\n{bad_header,<<"GET / HT">>}',
  },
  {
    entry: 10,
    code: 'bad-protocol-header',
    category: 'connection',
    outcome: 'failure',
    hint: 'AMQP p',
    pattern:
      /TLS client detected on non-TLS AMQP port|HTTP GET request detected on AMQP port|did not start with AMQP protocol header/,
    isComposed: true,
    sample:
      'closing AMQP connection <0.700.0> (127.0.0.1:40000 -> 127.0.0.1:5672):\nHTTP GET request detected on AMQP port',
  },
]
