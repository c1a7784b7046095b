import { expect, test } from 'vitest'
import { tlsListenersOf } from '../../../../agent/sources/resources/tls-listeners.ts'

const files = {
  certfile: '/etc/rabbitmq/cert.pem',
  cacertfile: '/etc/rabbitmq/ca.pem',
  keyfile: '/etc/rabbitmq/key.pem',
}
const amqps = { node: 'rabbit@a', protocol: 'amqp/ssl', port: 5671, ip_address: '::', socket_opts: files }
const https = { ...amqps, protocol: 'https', port: 15671, socket_opts: { ssl: true, ssl_opts: { certfile: 'x' } } }
const found = (listeners: readonly object[], host = 'localhost') =>
  tlsListenersOf({ node: 'rabbit@a', listeners }, host).listeners.map(
    (each) => `${each.protocol} ${each.host}:${each.port}`,
  )

test('the TLS listeners of the node that answers are found, of whatever protocol', () => {
  const others = [
    { ...amqps, protocol: 'amqp', port: 5672 },
    { ...amqps, protocol: 'clustering', port: 25672 },
    { ...amqps, node: 'rabbit@b' },
    { ...amqps, protocol: 'http/prometheus', port: 15692 },
  ]
  expect(found([amqps, https, { ...amqps, protocol: 'stream/ssl', port: 5551 }, ...others])).toEqual([
    'amqp/ssl localhost:5671',
    'https localhost:15671',
    'stream/ssl localhost:5551',
  ])
})

test.each([
  ['on every address: by the host of the management API', '::', 'mq1.example.com', ['amqp/ssl mq1.example.com:5671']],
  ['on every address of IPv4', '0.0.0.0', '127.0.0.1', ['amqp/ssl 127.0.0.1:5671']],
  ['on one address: by that', '10.0.0.7', 'mq1.example.com', ['amqp/ssl 10.0.0.7:5671']],
  ['on loopback of this machine', '127.0.0.1', 'localhost', ['amqp/ssl 127.0.0.1:5671']],
  ['on loopback of another machine: not at all', '127.0.0.1', 'mq1.example.com', []],
  ['by an address of IPv6, without the brackets of a URL', '::', '[fd00::7]', ['amqp/ssl fd00::7:5671']],
])('a listener %s', (_, address, host, expected) => {
  expect(found([{ ...amqps, ip_address: address }], host)).toEqual(expected)
})

test.each([
  ['may be asked where every listener names both its files', [amqps], true],
  ['does not look at those of HTTP', [amqps, https], true],
  ['would crash over a listener without a CA', [amqps, { ...amqps, socket_opts: { certfile: 'x' } }], false],
  ['would crash over a listener without a certificate file', [{ ...amqps, socket_opts: { cacertfile: 'x' } }], false],
])('the broker’s health check %s', (_, listeners, expected) => {
  expect(tlsListenersOf({ node: 'rabbit@a', listeners }, 'localhost').mayAskHealthCheck).toBe(expected)
})

test('a listener that demands a certificate of the client is known as such', () => {
  const strict = { ...amqps, socket_opts: { ...files, verify: 'verify_peer', fail_if_no_peer_cert: true } }
  const { listeners } = tlsListenersOf({ node: 'rabbit@a', listeners: [strict, https] }, 'localhost')
  expect(listeners.map((each) => each.demandsClientCertificate)).toEqual([true, false])
})
