import type { Entry } from '../entry.ts'

/** What the log itself lost. */
export const loggingRows: readonly Entry[] = [
  {
    entry: 56,
    code: 'log-messages-dropped',
    category: 'logging',
    outcome: 'failure',
    hint: 'lager_error_logger_h dropped',
    pattern: /lager_error_logger_h dropped (?<dropped>\d+) messages/,
    sample: 'lager_error_logger_h dropped 141 messages in the last second that exceeded the limit of 1000 messages/sec',
  },
]
