import type { Entry } from '../entry.ts'

/** Quorum queues and streams: leaders, replicas. */
export const queueRows: readonly Entry[] = [
  {
    entry: 34,
    code: 'quorum-leader-elected',
    category: 'queue',
    hint: 'candidate -> leader in term: ',
    pattern: /queue '(?<queue>[^'\n]*)' in vhost '(?<vhost>[^'\n]*)': candidate -> leader in term: (?<term>\d+)/,
    sample: "queue 'qq' in vhost '/': candidate -> leader in term: 1 machine version: 2",
  },
  {
    entry: 35,
    code: 'quorum-leader-lost',
    category: 'queue',
    hint: 'Leader monitor down with ',
    pattern: /Leader monitor down with (?<reason>noconnection|shutdown), setting election timeout/,
    sample: "queue 'qq' in vhost '/': Leader monitor down with noconnection, setting election timeout",
  },
  {
    entry: 35,
    code: 'quorum-leader-found',
    category: 'queue',
    hint: 'detected a new leader',
    pattern: /detected a new leader/,
    sample: "queue 'qq' in vhost '/': detected a new leader {'%2F_qq','thump-25259@localhost'} in term 1",
  },
  {
    entry: 37,
    code: 'quorum-lost',
    category: 'queue',
    outcome: 'failure',
    hint: 'quorum',
    pattern: /(?<reason>Could not delete quorum[^\n]*|recover: quorum queue [^\n]{0,512}? could not be (?:re)?started)/,
    isComposed: true,
    sample: "Could not delete quorum queue 'qq' in vhost '/', not enough nodes online to reach a quorum",
  },
  {
    entry: 37,
    code: 'quorum-lost',
    category: 'queue',
    outcome: 'failure',
    hint: 'Leader health check result',
    pattern: /(?<reason>Leader health check result \(unhealthy[^\n]*)/,
    isComposed: true,
    sample: 'Leader health check result (unhealthy leaders detected): 1',
  },
  {
    entry: 38,
    code: 'stream-replica-lost',
    category: 'queue',
    outcome: 'failure',
    hint: 'replica',
    pattern: /replica reader [^\n]{0,512}? exited with (?<reason>noconnection)|failed to start replica/,
    sample:
      '__st_1795744921035839922 [osiris_replica:handle_info/2] replica reader <15312.1724.0> exited with noconnection',
  },
  {
    entry: 38,
    code: 'stream-replica-lost',
    category: 'queue',
    outcome: 'failure',
    hint: 'failed to start writer',
    pattern: /failed to start writer/,
    isComposed: true,
    sample: 'rabbit_stream_coordinator: failed to start writer __s_1 on node rabbit@b',
  },
]
