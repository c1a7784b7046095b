import type { SelfReport } from '../../self-events.ts'
import type { CoverageMeter } from './coverage-meter.ts'
import type { Tally } from './tally.ts'

/** What is told of a vhost each minute: what came and what became of it, set against what happened. Counts are since the start. */
export function coverageReport(vhost: string, tally: Tally, meter: CoverageMeter | undefined): SelfReport {
  const { received, own, captured, dropped } = tally
  const unmeasured = { ratio: undefined, unknown: 'nobody is named to read the counters (agent.resources)' }
  const { ratio, unknown, ...measured } = meter?.measured() ?? unmeasured
  return {
    action: 'firehose.coverage',
    message: `firehose of vhost '${vhost}': ${captured} of ${received - own} traces handed on`,
    fields: {
      vhost,
      received: received - own,
      captured,
      dropped,
      ...('happened' in measured && {
        happened: measured.happened,
        unwatched: measured.unwatched,
        broker_dropped_estimate: measured.lost,
      }),
      ...(ratio !== undefined && { coverage_ratio: ratio }),
      ...(unknown !== undefined && { coverage_unknown: unknown }),
    },
  }
}
