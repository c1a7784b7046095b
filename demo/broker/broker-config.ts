import { randomBytes } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrokerRoot } from './fetch-broker.ts'
import { baseVariable } from './processes.ts'

export interface NodePlace {
  readonly root: BrokerRoot
  readonly base: string
  readonly nodeName: string
  readonly ports: BrokerPorts
}

export interface BrokerPorts {
  readonly amqp: number
  readonly management: number
  readonly prometheus: number
  readonly distribution: number
  readonly epmd: number
}

export interface NodeSettings {
  readonly cookie?: string
  readonly plugins?: readonly string[]
  /** Lines for rabbitmq.conf. */
  readonly extraConfig?: string
}

/** Folders that a node needs below its base. */
export const nodeFolders = ['home', 'mnesia', 'log', 'tmp', 'conf.d'] as const

const defaultPlugins = ['rabbitmq_management', 'rabbitmq_event_exchange', 'rabbitmq_prometheus']

/** Writes a node's configuration and cookie; the cookie of an earlier start is kept unless another is asked for. */
export function writeConfiguration(
  { base, ports }: NodePlace,
  { cookie, plugins = defaultPlugins, extraConfig = '' }: NodeSettings,
): void {
  writeFileSync(join(base, 'enabled_plugins'), `[${plugins.join(',')}].\n`)
  const cookieFile = join(base, 'home/.erlang.cookie')
  if (cookie !== undefined) rmSync(cookieFile, { force: true })
  if (!existsSync(cookieFile)) writeFileSync(cookieFile, cookie ?? randomBytes(20).toString('hex'), { mode: 0o400 })
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${ports.management}`,
    `management.http_log_dir = ${join(base, 'log')}`,
    'prometheus.tcp.ip = 127.0.0.1',
    `prometheus.tcp.port = ${ports.prometheus}`,
    `log.file = ${join(base, 'log/rabbit.log')}`,
    'disk_free_limit.absolute = 50MB',
    extraConfig,
  ]
  writeFileSync(join(base, 'rabbitmq.conf'), `${lines.join('\n')}\n`)
}

/** The whole environment of a node and of its rabbitmqctl: everything that could lead to another node is named. */
export function nodeEnvironment({ root, base, nodeName, ports }: NodePlace): Record<string, string> {
  return {
    PATH: `${root.erlangBin}:/usr/bin:/bin`,
    HOME: join(base, 'home'),
    LANG: 'C.UTF-8',
    TMPDIR: join(base, 'tmp'),
    ...(root.erlangRoot !== undefined && { ERL_ROOTDIR: root.erlangRoot }),
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(ports.distribution),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(ports.epmd),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_MNESIA_BASE: join(base, 'mnesia'),
    RABBITMQ_LOG_BASE: join(base, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(base, 'enabled_plugins'),
    RABBITMQ_CONFIG_FILE: join(base, 'rabbitmq.conf'),
    RABBITMQ_CONFIG_FILES: join(base, 'conf.d'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(base, 'advanced.config'),
    RABBITMQ_PID_FILE: join(base, 'pid'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    [baseVariable]: base,
  }
}
