import { ConfigError } from '../../runtime/errors.ts'

/** The value, or a ConfigError that names the channel's missing key. */
export function required<T>(value: T | undefined, channel: string, key: string, message?: string): T {
  if (value !== undefined) return value
  throw channelError(channel, key, message ?? `channel "${channel}" needs ${key} (or ${key}File)`)
}

export function channelError(channel: string, key: string, message: string): ConfigError {
  const path = `alerting.channels.${channel}${key === '' ? '' : `.${key}`}`
  return new ConfigError([{ file: 'config', line: 0, column: 0, path, message, severity: 'error' }])
}
