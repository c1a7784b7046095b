import type { Entry } from '../entry.ts'

/** A node starts, stops, drains, listens. */
export const lifecycleRows: readonly Entry[] = [
  {
    entry: 49,
    code: 'maintenance-ended',
    category: 'lifecycle',
    hint: 'back from maintenance',
    pattern: /Marked this node as back from maintenance/,
    sample: 'Marked this node as back from maintenance and ready to serve clients',
  },
  {
    entry: 49,
    code: 'maintenance-started',
    category: 'lifecycle',
    hint: 'ode',
    pattern: /This node is being put into maintenance \(drain\) mode/,
    sample: 'This node is being put into maintenance (drain) mode',
  },
  {
    entry: 49,
    code: 'maintenance-started',
    category: 'lifecycle',
    hint: 'Suspended all listeners',
    pattern: /Suspended all listeners/,
    sample: 'Suspended all listeners and will no longer accept client connections',
  },
  {
    entry: 50,
    code: 'node-stopping',
    category: 'lifecycle',
    hint: 'SIGTERM received',
    pattern: /SIGTERM received - shutting down/,
    sample: 'SIGTERM received - shutting down',
  },
  {
    entry: 50,
    code: 'node-stopping',
    category: 'lifecycle',
    hint: 'RabbitMQ is asked to stop',
    pattern: /RabbitMQ is asked to stop/,
    sample: 'RabbitMQ is asked to stop...',
  },
  {
    entry: 50,
    code: 'node-starting',
    category: 'lifecycle',
    hint: 'Starting RabbitMQ ',
    pattern: /Starting RabbitMQ (?<version>\S+) on Erlang/,
    sample:
      '\n Starting RabbitMQ 3.10.8 on Erlang 25.2.3 [jit]\n Copyright (c) 2007-2022 VMware, Inc. or its affiliates.\n Licensed under the MPL 2.0. Website: https://rabbitmq.com',
  },
  {
    entry: 51,
    code: 'database-empty',
    category: 'lifecycle',
    outcome: 'failure',
    hint: 'database appears empty',
    pattern: /Node has already been initialized, but database appears empty/,
    isComposed: true,
    sample: 'Node has already been initialized, but database appears empty',
  },
  {
    entry: 53,
    code: 'listener-failed',
    category: 'lifecycle',
    outcome: 'failure',
    hint: 'Failed to start ',
    pattern: /Failed to start [^\n]{0,512}? listener [^\n]{0,512}?error: (?<reason>eaddrinuse)/,
    isComposed: true,
    sample:
      'Failed to start Ranch listener {acceptor,{0,0,0,0},5672} in ranch_tcp:listen, error: eaddrinuse (address already in use)',
  },
  {
    entry: 53,
    code: 'listener-started',
    category: 'lifecycle',
    hint: ' listener on ',
    pattern: /started (?:TCP|TLS|TLS \(SSL\)) listener on (?<listener>\S+)/,
    sample: 'started TCP listener on [::]:5672',
  },
]
