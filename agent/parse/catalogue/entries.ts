import { authenticationRows } from './rows/authentication.ts'
import { channelRows } from './rows/channel.ts'
import { clusterRows } from './rows/cluster.ts'
import { configurationRows } from './rows/configuration.ts'
import { connectionRows } from './rows/connection.ts'
import { crashRows } from './rows/crash.ts'
import { exceptionRows } from './rows/exception.ts'
import { lifecycleRows } from './rows/lifecycle.ts'
import { linkRows } from './rows/link.ts'
import { loggingRows } from './rows/logging.ts'
import { queueRows } from './rows/queue.ts'
import { resourceRows } from './rows/resource.ts'
import { tlsRows } from './rows/tls.ts'
import type { Entry } from './entry.ts'

/**
 * What RabbitMQ's log lines mean: data, a room a category. Order matters: the first row that matches wins, the precise
 * before the general.
 */
export const entries: readonly Entry[] = [
  ...resourceRows,
  ...connectionRows,
  ...authenticationRows,
  ...channelRows,
  ...exceptionRows,
  ...clusterRows,
  ...queueRows,
  ...crashRows,
  ...tlsRows,
  ...linkRows,
  ...configurationRows,
  ...lifecycleRows,
  ...loggingRows,
]
