import type { Entry } from '../entry.ts'

/** Users, policies, tracing, feature flags: the lines name no actor, the events do. */
export const configurationRows: readonly Entry[] = [
  {
    entry: 47,
    code: 'feature-flag-failed',
    category: 'configuration',
    outcome: 'failure',
    hint: 'Feature flags: ',
    pattern:
      /Feature flags: (?<reason>failed to enable[^\n]*|nodes [^\n]{0,512}? are incompatible|[^\n]{0,512}?unsupported; aborting|refuse to enable[^\n]*|error while[^\n]*)/,
    isComposed: true,
    sample: 'Feature flags: failed to enable `khepri_db`: {error,x}',
  },
  {
    entry: 48,
    code: 'deprecated-feature',
    category: 'configuration',
    hint: 'Deprecated features: ',
    pattern: /Deprecated features: (?<reason>[^\n]*)/,
    sample:
      'Deprecated features: `transient_nonexcl_queues`: Feature `transient_nonexcl_queues` is deprecated.\nBy default, this feature can still be used for now.\nIts use will not be permitted by default in a future minor RabbitMQ version and the feature will be removed from a future major RabbitMQ version; actual versions to be determined.\nTo continue using this feature when it is not permitted by default, set the following par',
  },
  {
    entry: 54,
    code: 'user-changed',
    category: 'configuration',
    hint: ' user',
    pattern:
      /(?:Created|Deleted) user '(?<target>[^'\n]*)'|Successfully (?:set|cleared) (?:user tags|permissions)(?: for(?: user)? '(?<target2>[^\n']*)')?/,
    sample: "Created user 'mon'",
  },
  {
    entry: 54,
    code: 'vhost-changed',
    category: 'configuration',
    hint: 'ing vhost ',
    pattern: /(?:Adding|Deleting) vhost '(?<vhost>[^\n']*)'/,
    sample: "Deleting vhost 'lab'",
  },
  {
    entry: 54,
    code: 'policy-changed',
    category: 'configuration',
    hint: 'Successfully set policy',
    pattern: /Successfully set policy '(?<policy>[^\n']*)'/,
    isComposed: true,
    sample: "Successfully set policy 'ha' matching queues names in virtual host '/' using pattern '.*'",
  },
  {
    entry: 54,
    code: 'tracing-changed',
    category: 'configuration',
    hint: 'abling tracing',
    pattern: /(?:Enabling|Disabling) tracing for vhost '(?<vhost>[^\n']*)'/,
    sample: "Enabling tracing for vhost '/'",
  },
]
