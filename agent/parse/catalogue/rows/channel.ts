import type { Entry } from '../entry.ts'
import { channelError } from '../sample-parts.ts'

/** Errors that closed a channel: the only trace the broker leaves of them. */
export const channelRows: readonly Entry[] = [
  {
    entry: 15,
    code: 'access-refused',
    category: 'channel',
    outcome: 'failure',
    hint: 'exception access_refused: ',
    pattern: /operation (?<operation>\S+) caused a channel exception access_refused: (?<reason>[^\n]*)/,
    sample:
      "Channel error on connection <0.1157.0> (127.0.0.1:41976 -> 127.0.0.1:25259, vhost: '/', user: 'weak'), channel 1:\noperation queue.declare caused a channel exception access_refused: configure access to queue 'x' in vhost '/' refused for user 'weak'",
  },
  {
    entry: 16,
    code: 'object-not-found',
    category: 'channel',
    outcome: 'failure',
    hint: 'exception not_found: ',
    pattern:
      /operation (?<operation>\S+) caused a channel exception not_found: (?<reason>no (?:queue '(?<queue>[^'\n]*)'|exchange '(?<exchange>[^'\n]*)') in vhost[^\n]*)/,
    sample:
      "Channel error on connection <0.986.0> (127.0.0.1:37072 -> 127.0.0.1:25259, vhost: '/', user: 'guest'), channel 1:\noperation queue.declare caused a channel exception not_found: no queue 'nope' in vhost '/'",
  },
  {
    entry: 17,
    code: 'resource-locked',
    category: 'channel',
    outcome: 'failure',
    hint: 'exception resource_locked: ',
    pattern:
      /operation (?<operation>\S+) caused a channel exception resource_locked: (?<reason>cannot obtain exclusive access(?: to locked queue '(?<queue>[^'\n]*)' in vhost)?[^\n]*)/,
    sample:
      "Channel error on connection <0.1118.0> (127.0.0.1:41960 -> 127.0.0.1:25259, vhost: '/', user: 'guest'), channel 1:\noperation queue.declare caused a channel exception resource_locked: cannot obtain exclusive access to locked queue 'ex1' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.",
  },
  {
    entry: 18,
    code: 'inequivalent-argument',
    category: 'channel',
    outcome: 'failure',
    hint: 'inequivalent arg ',
    pattern:
      /(?:operation (?<operation>\S+) caused a channel exception )?precondition_failed: (?<reason>inequivalent arg '[^'\n]*' for (?:queue '(?<queue>[^'\n]*)'|exchange '(?<exchange>[^'\n]*)') in vhost[^\n]*)/,
    sample:
      "Channel error on connection <0.1022.0> (127.0.0.1:37086 -> 127.0.0.1:25259, vhost: '/', user: 'guest'), channel 1:\noperation queue.declare caused a channel exception precondition_failed: inequivalent arg 'durable' for queue 'q1' in vhost '/': received 'false' but current is 'true'",
  },
  {
    entry: 19,
    code: 'unknown-delivery-tag',
    category: 'channel',
    outcome: 'failure',
    hint: 'unknown delivery tag ',
    pattern:
      /(?:operation (?<operation>\S+) caused a channel exception )?precondition_failed: (?<reason>unknown delivery tag (?<delivery_tag>\d+))/,
    sample: `${channelError}basic.ack caused a channel exception precondition_failed: unknown delivery tag 1`,
  },
  {
    entry: 20,
    code: 'consumer-ack-timeout',
    category: 'channel',
    outcome: 'failure',
    hint: 'timed out',
    pattern:
      /^Consumer '?(?<consumer_tag>[^'\n]{1,256}?)'? on channel (?<channel>\d+)(?: and (?:\w+ )?queue '(?<queue>[^'\n]*)' in vhost '(?<vhost>[^'\n]*)')? has timed out waiting for (?:delivery|a consumer) acknowledgement/m,
    sample:
      "Consumer 'amq.ctag-eniC84aKzWhtk0i3rcHu3w' on channel 1 and queue 'slowq' in vhost '/' has timed out waiting for a consumer acknowledgement of a delivery with delivery tag = 1. Timeout used: 2000 ms.",
  },
  {
    entry: 20,
    code: 'consumer-ack-timeout',
    category: 'channel',
    outcome: 'failure',
    hint: 'delivery acknowledgement on channel ',
    pattern: /delivery acknowledgement on channel (?<channel>\d+) timed out/,
    sample:
      "Channel error on connection <0.1500.0> (127.0.0.1:52114 -> 127.0.0.1:25259, vhost: '/', user: 'guest'), channel 1:\noperation none caused a channel exception precondition_failed: delivery acknowledgement on channel 1 timed out. Timeout value used: 1000 ms. This timeout value can be configured, see consumers doc guide to learn more",
  },
  {
    entry: 21,
    code: 'precondition-failed',
    category: 'channel',
    outcome: 'failure',
    hint: 'precondition_failed: ',
    pattern:
      /(?:operation (?<operation>\S+) caused a channel exception )?precondition_failed: (?<reason>(?:invalid arg|invalid expiration|user_id property set|queue [^\n]{0,512}? in use|fast reply|message size)[^\n]*)/,
    sample:
      "Channel error on connection <0.1080.0> (127.0.0.1:41948 -> 127.0.0.1:25259, vhost: '/', user: 'guest'), channel 1:\noperation basic.publish caused a channel exception precondition_failed: invalid expiration 'abc': no_integer",
  },
]
