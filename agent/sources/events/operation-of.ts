import type { Operation } from '../../../event/operations.ts'

const byRoutingKey: Readonly<Record<string, Operation>> = {
  'queue.created': 'queue.declare',
  'queue.deleted': 'queue.delete',
  'exchange.created': 'exchange.declare',
  'exchange.deleted': 'exchange.delete',
  'connection.created': 'connection.open',
  'connection.closed': 'connection.close',
  'channel.created': 'channel.open',
  'channel.closed': 'channel.close',
  'consumer.created': 'basic.consume',
  'consumer.deleted': 'basic.cancel',
  'vhost.created': 'vhost.create',
  'vhost.deleted': 'vhost.delete',
  'user.created': 'user.create',
  'user.deleted': 'user.delete',
  'user.password.changed': 'user.password',
  'user.password.cleared': 'user.password',
  'user.tags.set': 'user.tags',
  'user.authentication.success': 'login.success',
  'user.authentication.failure': 'login.failure',
  'permission.created': 'permission.set',
  'permission.deleted': 'permission.clear',
  'topic.permission.created': 'permission.set',
  'topic.permission.deleted': 'permission.clear',
  'policy.set': 'policy.set',
  'policy.cleared': 'policy.clear',
  'operator.policy.set': 'policy.set',
  'operator.policy.cleared': 'policy.clear',
  'parameter.set': 'parameter.set',
  'parameter.cleared': 'parameter.clear',
  'alarm.set': 'alarm.set',
  'alarm.cleared': 'alarm.clear',
}

/** The AMQP method, or the administrative act, that an event tells of; undefined for what has an `event.action` only. */
export function operationOf(routingKey: string, destinationKind: unknown): Operation | undefined {
  const isExchange = destinationKind === 'exchange'
  if (routingKey === 'binding.created') return isExchange ? 'exchange.bind' : 'queue.bind'
  if (routingKey === 'binding.deleted') return isExchange ? 'exchange.unbind' : 'queue.unbind'
  return Object.hasOwn(byRoutingKey, routingKey) ? byRoutingKey[routingKey] : undefined
}
