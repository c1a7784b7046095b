import { inject } from 'vitest'

/** Addresses of the servers that one test run shares: use names of your own on them, and never stop them. */
export interface SharedServers {
  readonly rabbit310: SharedRabbit
  readonly rabbit40: SharedRabbit
  readonly kafka: { readonly brokers: readonly string[] }
  readonly elasticsearch: { readonly url: string }
}

export interface SharedRabbit {
  readonly amqpUrl: string
  readonly managementUrl: string
  readonly prometheusUrl: string
  readonly nodeName: string
  readonly logDir: string
  readonly logFile: string
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: SharedServers
  }
}

/** The servers of this run, started by global-setup.ts. */
export function shared(): SharedServers {
  return inject('servers')
}
