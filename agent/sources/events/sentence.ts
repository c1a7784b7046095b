import type { Operation } from '../../../event/operations.ts'

type Headers = Readonly<Record<string, unknown>>

/** One sentence for people: what was done, to what, by whom. Names are quoted as they are, cut at 256 characters. */
export function sentenceOf(routingKey: string, operation: Operation | undefined, headers: Headers): string {
  const by = name(headers['user_who_performed_action'])
  const where = name(headers['vhost'])
  const body = bodyOf(routingKey, operation, headers)
  return `${body}${where !== '' && !routingKey.startsWith('vhost.') ? ` in vhost '${where}'` : ''}${by === '' ? '' : ` by '${by}'`}`
}

function bodyOf(routingKey: string, operation: Operation | undefined, headers: Headers): string {
  const named = name(headers['name'])
  switch (operation) {
    case 'queue.bind':
    case 'queue.unbind':
    case 'exchange.bind':
    case 'exchange.unbind': {
      const what = `${name(headers['destination_kind'])} '${name(headers['destination_name'])}'`
      const verb = operation.endsWith('unbind') ? 'unbound from' : 'bound to'
      return `${what} ${verb} exchange '${name(headers['source_name'])}' with key '${name(headers['routing_key'])}'`
    }
    case 'login.failure':
      return `login of '${named}' failed`
    case 'login.success':
      return `'${named}' logged in`
    case 'permission.set':
    case 'permission.clear':
      return `permissions of '${name(headers['user'])}' ${operation === 'permission.set' ? 'set' : 'cleared'}`
    case 'alarm.set':
    case 'alarm.clear':
      return `${name(headers['source'])} alarm ${operation === 'alarm.set' ? 'set' : 'cleared'} on ${name(headers['node'])}`
    case 'basic.consume':
    case 'basic.cancel':
      return `consumer '${name(headers['consumer_tag'])}' ${operation === 'basic.consume' ? 'started on' : 'stopped on'} queue '${name(headers['queue'])}'`
    case 'channel.open':
    case 'channel.close':
      return `channel ${operation === 'channel.open' ? 'opened' : 'closed'} ${named || name(headers['pid'])}`.trimEnd()
    default: {
      const words = routingKey.split('.')
      const verb = words.pop() ?? ''
      return `${words.join(' ')}${named === '' ? '' : ` '${named}'`} ${verb}`.trim()
    }
  }
}

function name(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 256) : ''
}
