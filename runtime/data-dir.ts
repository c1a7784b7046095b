import { accessSync, constants, mkdirSync } from 'node:fs'
import { ConfigError, reasonOf } from './errors.ts'

/** Makes the folder of places and state where it is missing. Throws ConfigError where this user cannot use it. */
export function prepareDataDir(dataDir: string, file = 'defaults'): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o750 })
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const message = `${dataDir} cannot be used: ${reasonOf(error)}. To make it: ${makeDataDir(dataDir)}`
    throw new ConfigError([{ file, line: 0, column: 0, path: 'dataDir', message, severity: 'error' }], { cause: error })
  }
}

/** The command of an administrator that makes the folder this user's. */
export function makeDataDir(dataDir: string): string {
  return `sudo install -d -o "$(id -un)" -m 750 ${dataDir}`
}
