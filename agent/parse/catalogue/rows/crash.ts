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
    sample: "Virtual host '/' is stopping",
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
    sample:
      '** Generic server memsup terminating\n** Last message in was {\'EXIT\',<0.118.0>,{port_died,normal}}\n** When Server state == [{"Timeout",60000},\n                         {"Memory Usage",\n                          [{"Allocated",12667695104},{"Total",25276510208}]},\n                         {"Worst Memory User",\n                          [{"Pid",<0.50.0>},{"Memory",2917776}]}]\n** Reason for termination ==\n** {port_died,no',
  },
  {
    entry: 42,
    code: 'supervisor-report',
    category: 'crash',
    outcome: 'failure',
    hint: 'errorContext: ',
    pattern: /errorContext: (?<reason>child_terminated|start_error|shutdown_error)/,
    sample:
      '    supervisor: {<0.10318.1>,rabbit_channel_sup_sup}\n    errorContext: shutdown_error\n    reason: noproc\n    offender: [{nb_children,1},\n               {id,channel_sup},\n               {mfargs,{rabbit_channel_sup,start_link,[]}},\n               {restart_type,temporary},\n               {shutdown,infinity},\n               {child_type,supervisor}]',
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
