import type { Entry } from '../entry.ts'

/** Processes, queues and virtual hosts that broke. */
export const crashRows: readonly Entry[] = [
  {
    entry: 39,
    code: 'queue-crashed',
    category: 'crash',
    outcome: 'failure',
    hint: 'Restarting crashed ',
    pattern: /Restarting crashed (?:queue '(?<queue>[^'\n]*)' in vhost '(?<vhost>[^'\n]*)'|queue '(?<queue2>[^'\n]*)')/,
    isComposed: true,
    sample: "Restarting crashed queue 'orders' in vhost '/'.",
  },
  {
    entry: 40,
    code: 'vhost-down',
    category: 'crash',
    outcome: 'failure',
    hint: 'host ',
    pattern:
      /Unable to (?:recover|initialize) vhost|Virtual host '(?<vhost>[^'\n]*)' is stopping|failed to set up vhost/,
    isComposed: true,
    sample: "Virtual host '/orders' is stopping",
  },
  {
    entry: 41,
    code: 'process-crashed',
    category: 'crash',
    outcome: 'failure',
    hint: 'crasher:',
    pattern: /^\s*crasher:/m,
    sample: '  crasher:\n    initial call: gen:init_it/6\n    pid: <0.713.0>',
  },
  {
    entry: 41,
    code: 'process-crashed',
    category: 'crash',
    outcome: 'failure',
    hint: 'CRASH REPORT',
    pattern: /CRASH REPORT/,
    sample:
      'CRASH REPORT Process mnesia_sync with 0 neighbours crashed with reason: no match of right hand value {error,no_such_log} in mnesia_sync:handle_info/2 line 63',
  },
  {
    entry: 41,
    code: 'process-crashed',
    category: 'crash',
    outcome: 'failure',
    hint: 'Generic server ',
    pattern: /Generic server (?<process>\S+) terminating/,
    isComposed: true,
    sample: '** Generic server <0.713.0> terminating\n** Last message in was stop',
  },
  {
    entry: 42,
    code: 'supervisor-report',
    category: 'crash',
    outcome: 'failure',
    hint: 'errorContext: ',
    pattern: /errorContext: (?<reason>child_terminated|start_error|shutdown_error)/,
    isComposed: true,
    sample:
      '    supervisor: {<0.1.0>,rabbit_federation_link_sup}\n    errorContext: child_terminated\n    reason: noproc',
  },
  {
    entry: 42,
    code: 'supervisor-report',
    category: 'crash',
    outcome: 'failure',
    hint: 'had child ',
    pattern: /had child [^\n]{0,512}? exit with reason (?<reason>[^\n]*)/,
    isComposed: true,
    sample:
      'Supervisor {<0.1.0>,x} had child y started with z at <0.2.0> exit with reason normal in context child_terminated',
  },
]
